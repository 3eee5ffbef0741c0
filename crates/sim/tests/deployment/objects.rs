//! Names that one object of a deployment has of another: what Kubernetes, compose, Grafana and the image would look for in vain.

use super::tree::{Tree, items, text};
use serde_json::Value;
use std::collections::BTreeSet;

const KUBERNETES: &str = "deploy/kubernetes/";
const ADAPTER: &str = "deploy/kubernetes/prometheus-adapter.yaml";
const SELECTOR: &str = "/spec/selector/matchLabels";

/// What others may refer to.
struct Cluster {
    objects: Vec<(String, Value)>,
}

impl Cluster {
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &(String, Value)> {
        self.objects.iter().filter(move |(_, object)| text(object, "/kind") == kind)
    }

    fn named(&self, kind: &str, name: &str) -> Option<&Value> {
        let mut all = self.of_kind(kind);
        all.find(|(_, object)| text(object, "/metadata/name") == name).map(|(_, object)| object)
    }

    /// Pod templates that have all these labels.
    fn pods(&self, labels: Option<&Value>) -> Vec<&Value> {
        let wanted = labels.and_then(Value::as_object);
        let has_all = |pod: &&Value| {
            let has = |(key, value): (&String, &Value)| {
                pod.pointer("/metadata/labels").and_then(|labels| labels.get(key)) == Some(value)
            };
            wanted.is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(has))
        };
        let templates = self.objects.iter().filter_map(|(_, it)| it.pointer("/spec/template"));
        templates.filter(has_all).collect()
    }
}

fn port_names(pod: &Value) -> BTreeSet<&str> {
    let containers = items(pod, "/spec/containers").into_iter();
    containers.flat_map(|it| items(it, "/ports")).map(|port| text(port, "/name")).collect()
}

pub fn kubernetes(tree: &Tree, problems: &mut Vec<String>) {
    let objects = tree.all_documents(KUBERNETES);
    let cluster =
        Cluster { objects: objects.into_iter().filter(|(path, _)| path != ADAPTER).collect() };
    let mut add = |path: &str, what: String| problems.push(format!("{path}: {what}"));
    for (path, object) in &cluster.objects {
        let name = text(object, "/metadata/name");
        let pointer = match text(object, "/kind") {
            "Service" => "/spec/selector",
            "PodDisruptionBudget" | "Deployment" | "StatefulSet" => SELECTOR,
            "NetworkPolicy" => "/spec/podSelector/matchLabels",
            _ => continue,
        };
        let pods = cluster.pods(object.pointer(pointer));
        if pods.len() != 1 {
            add(path, format!("{name} selects {} kinds of pods", pods.len()));
        }
        let ports = items(object, "/spec/ports").into_iter().map(|it| text(it, "/targetPort"));
        let rules = items(object, "/spec/ingress").into_iter().flat_map(|it| items(it, "/ports"));
        for port in ports.chain(rules.map(|it| text(it, "/port"))) {
            if !pods.iter().all(|pod| port_names(pod).contains(port)) {
                add(path, format!("{name} leads to a port {port:?} that the pods have not"));
            }
        }
    }
    for (path, object) in &cluster.objects {
        let Some(pod) = object.pointer("/spec/template") else { continue };
        pod_is_whole(&cluster, pod).into_iter().for_each(|what| add(path, what));
    }
    let on_disk: BTreeSet<&str> = cluster.objects.iter().map(|(path, _)| path.as_str()).collect();
    for (path, list) in cluster.of_kind("Kustomization") {
        let listed = items(list, "/resources").into_iter().filter_map(Value::as_str);
        let listed: BTreeSet<String> = listed.map(|name| format!("{KUBERNETES}{name}")).collect();
        for other in on_disk.iter().filter(|other| *other != path && !listed.contains(**other)) {
            add(path, format!("{other} is not applied"));
        }
        for name in listed.iter().filter(|name| !on_disk.contains(name.as_str())) {
            add(path, format!("there is no {name}"));
        }
    }
}

fn pod_is_whole(cluster: &Cluster, pod: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if pod.pointer("/spec/enableServiceLinks") != Some(&Value::Bool(false)) {
        problems.push("is given a variable LONGLINE_.. for each Service of the namespace".into());
    }
    let volumes: BTreeSet<&str> =
        items(pod, "/spec/volumes").into_iter().map(|it| text(it, "/name")).collect();
    for container in items(pod, "/spec/containers") {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let port = container.pointer(&format!("/{probe}/httpGet/port")).and_then(Value::as_str);
            if port.is_some_and(|port| !port_names(pod).contains(port)) {
                problems.push(format!("{probe} asks a port that the pod has not"));
            }
        }
        let mounts = items(container, "/volumeMounts").into_iter().map(|it| text(it, "/name"));
        for mount in mounts.filter(|name| !volumes.contains(name)) {
            problems.push(format!("{mount} is mounted and not there"));
        }
        let refs = items(container, "/env").into_iter();
        for it in refs.filter_map(|it| it.pointer("/valueFrom/configMapKeyRef")) {
            let map = cluster.named("ConfigMap", text(it, "/name"));
            if map.and_then(|map| map.pointer("/data")?.get(text(it, "/key"))).is_none() {
                problems.push(format!("no such setting: {it}"));
            }
        }
    }
    problems
}

/// What is scaled is there, by metrics that the adapter makes.
pub fn autoscaling(tree: &Tree, problems: &mut Vec<String>) {
    let cluster = Cluster { objects: tree.all_documents(KUBERNETES) };
    let adapter = tree.documents(ADAPTER);
    let rules = adapter.iter().flat_map(|it| items(it, "/rules/custom"));
    let made: BTreeSet<&str> = rules.map(|rule| text(rule, "/name/as")).collect();
    let mut used = BTreeSet::new();
    for (path, scaler) in cluster.of_kind("HorizontalPodAutoscaler") {
        let target = |field| text(scaler, &format!("/spec/scaleTargetRef/{field}"));
        if cluster.named(target("kind"), target("name")).is_none() {
            problems.push(format!("{path}: there is no {} {}", target("kind"), target("name")));
        }
        let metrics = items(scaler, "/spec/metrics").into_iter();
        used.extend(metrics.filter_map(|it| it.pointer("/pods/metric/name")?.as_str()));
    }
    for name in made.symmetric_difference(&used) {
        problems.push(format!("{name} is not both made by the adapter and used to scale"));
    }
}

pub fn compose(tree: &Tree, problems: &mut Vec<String>) {
    let path = "deploy/compose.yaml";
    for document in tree.documents(path) {
        let has = |section: &str, name: &str| {
            document.get(section).is_some_and(|section| section.get(name).is_some())
        };
        for service in items(&document, "/services") {
            let needs = match service.get("depends_on") {
                Some(Value::Object(needs)) => needs.keys().map(String::as_str).collect(),
                _ => items(service, "/depends_on").into_iter().filter_map(Value::as_str).collect(),
            };
            let needs: Vec<&str> = needs;
            let lost = needs.into_iter().filter(|name| !has("services", name));
            let secrets = items(service, "/secrets").into_iter().filter_map(Value::as_str);
            let lost = lost.chain(secrets.filter(|name| !has("secrets", name)));
            lost.for_each(|name| problems.push(format!("{path}: there is no {name}")));
            let options = items(service, "/security_opt").into_iter().filter_map(Value::as_str);
            let volumes = items(service, "/volumes").into_iter().filter_map(Value::as_str);
            let profiles = options.filter_map(|it| it.strip_prefix("seccomp:"));
            for source in volumes.filter_map(|it| it.split(':').next()).chain(profiles) {
                let is_there = match source.strip_prefix("./") {
                    Some(file) => tree.0.keys().any(|it| it.starts_with(&format!("deploy/{file}"))),
                    None => has("volumes", source),
                };
                if !is_there {
                    problems.push(format!("{path}: there is no {source}"));
                }
            }
        }
    }
}

/// The dashboard asks the one source that is provisioned, and no panel twice; stages and system calls are there.
pub fn the_rest(tree: &Tree, problems: &mut Vec<String>) {
    let sources = tree.documents("deploy/grafana/provisioning/datasources/prometheus.yaml");
    let source = text(&sources[0], "/datasources/0/uid");
    for dashboard in tree.documents("deploy/grafana/dashboards/longline.json") {
        let panels = items(&dashboard, "/panels");
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].to_string()).collect();
        let is_graph = |panel: &&&Value| panel["type"] != "row";
        let asks = |panel: &Value| {
            let queries = items(panel, "/targets");
            let is_query = |query: &&Value| !text(query, "/expr").is_empty();
            !queries.is_empty() && queries.iter().all(is_query)
        };
        let is_well = |panel: &&Value| text(panel, "/datasource/uid") == source && asks(panel);
        if ids.len() != panels.len() || !panels.iter().filter(is_graph).all(is_well) {
            problems.push("the dashboard has a panel that shows nothing, or two of one id".into());
        }
    }
    let image = tree.text("deploy/Dockerfile");
    for stage in image.split("--from=").skip(1).filter_map(|rest| rest.split_whitespace().next()) {
        if !image.contains(&format!(" AS {stage}\n")) {
            problems.push(format!("deploy/Dockerfile: there is no stage {stage}"));
        }
    }
    if tree.text("deploy/seccomp.json").lines().any(|line| line.contains("\"io_uring_")) {
        problems.push("deploy/seccomp.json: refuses io_uring".into());
    }
}
