//! `deploy/` and the runbook name only what is there: every file parses, and every flag, variable, metric, port, alert and
//! name of another object is looked up, in the code or among the files. No container and no cluster is started.
//!
//! Each check is shown to fail: the second test breaks the tree in memory, a place at a time.

mod deployment {
    pub mod tree;
    pub mod code;
    pub mod names;
    pub mod objects;
}

use deployment::code::Offered;
use deployment::tree::Tree;
use deployment::{names, objects};

fn problems(tree: &Tree) -> Vec<String> {
    let offered = Offered::read(tree);
    let mut problems = tree.unparsed();
    names::flags(tree, &offered, &mut problems);
    names::variables(tree, &offered, &mut problems);
    names::metrics(tree, &offered, &mut problems);
    names::ports(tree, &offered, &mut problems);
    names::alerts(tree, &mut problems);
    objects::kubernetes(tree, &mut problems);
    objects::autoscaling(tree, &mut problems);
    objects::compose(tree, &mut problems);
    objects::the_rest(tree, &mut problems);
    problems
}

#[test]
fn every_name_is_there() {
    let problems = problems(&Tree::read());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// A file, a text in it, what it becomes, and what is said then.
const BREAKS: &[(&str, &str, &str, &str)] = &[
    ("deploy/compose.yaml", "services:", "services: [", "deploy/compose.yaml: "),
    ("deploy/seccomp.json", "\"syscalls\": [", "\"syscalls\": ", "deploy/seccomp.json: "),
    ("deploy/systemd/gateway.service", "Type=exec", "Type exec", "`Type exec`"),
    (
        "deploy/compose.yaml",
        "\"--advertise\"",
        "\"--advertised\"",
        "logic has no flag --advertised",
    ),
    ("deploy/systemd/gateway.service", "--data-dir", "--data", "gateway has no flag --data"),
    ("docs/runbook.md", "--link-secret-file", "--secret-file", "gateway has no flag --secret-file"),
    ("deploy/systemd/logic@.service", "logic serve", "logic run", "what Some(\"run\") is"),
    (
        "deploy/systemd/logic.env",
        "LONGLINE_LOGIC_CQL",
        "LONGLINE_LOGIC_SQL",
        "nobody reads LONGLINE_LOGIC_SQL",
    ),
    ("deploy/compose.yaml", "LONGLINE_CORES", "LONGLINE_CORE", "nobody reads LONGLINE_CORE"),
    (
        "gateway/gateway.example.toml",
        "drain_timeout_ms = ",
        "drain_ms = ",
        "nobody reads LONGLINE_DRAIN_TIMEOUT_MS",
    ),
    (
        "deploy/prometheus/alerts.yml",
        "longline_logic_links)",
        "longline_links)",
        "exports longline_links",
    ),
    (
        "deploy/grafana/dashboards/longline.json",
        "longline_acks_total",
        "longline_acks",
        "exports longline_acks",
    ),
    (
        "deploy/kubernetes/prometheus-adapter.yaml",
        "longline_connections{",
        "longline_users{",
        "longline_users",
    ),
    (
        "docs/runbook.md",
        "longline_logic_commit_seconds",
        "longline_commit_ms",
        "longline_commit_ms",
    ),
    (
        "gateway/src/metrics.rs",
        "\"longline_sends_total\"",
        "\"longline_sent_total\"",
        "longline_sends_total",
    ),
    ("deploy/compose.yaml", "logic-1:7500,", "logic-1:7600,", "logic-1:7600 is no port"),
    (
        "deploy/kubernetes/logic.yaml",
        "\"0.0.0.0:7501\"",
        "\"0.0.0.0:7601\"",
        "--admin of logic is port 7501",
    ),
    ("deploy/Dockerfile", "EXPOSE 7400", "EXPOSE 7600", "does not say EXPOSE 7400"),
    (
        "deploy/prometheus/compose.yml",
        "logic-1:7501",
        "logic-1:7500",
        "logic-1:7500 has no metrics",
    ),
    (
        "deploy/prometheus/alerts.yml",
        "alert: LonglineNoLinks",
        "alert: LonglineFewLinks",
        "LonglineFewLinks",
    ),
    ("docs/runbook.md", "### LonglineNoLinks", "### LonglineLinks", "LonglineLinks"),
    ("deploy/kubernetes/logic.yaml", "targetPort: links", "targetPort: link", "a port \"link\""),
    ("deploy/kubernetes/network.yaml", "port: clients", "port: client", "a port \"client\""),
    (
        "deploy/kubernetes/gateway.yaml",
        "selector: {app.kubernetes.io/name: gateway",
        "selector: {app.kubernetes.io/name: way",
        "selects 0 kinds",
    ),
    (
        "deploy/kubernetes/logic.yaml",
        "path: /healthz, port: admin",
        "path: /healthz, port: pages",
        "startupProbe asks",
    ),
    (
        "deploy/kubernetes/gateway.yaml",
        "{name: secrets, mountPath",
        "{name: secret, mountPath",
        "secret is mounted",
    ),
    ("deploy/kubernetes/logic.yaml", "Links: false", "Links: true", "a variable LONGLINE_"),
    ("deploy/kubernetes/settings.yaml", "  redis:", "  routes:", "no such setting"),
    (
        "deploy/kubernetes/kustomization.yaml",
        "  - network.yaml\n",
        "",
        "network.yaml is not applied",
    ),
    (
        "deploy/kubernetes/kustomization.yaml",
        "network.yaml",
        "networks.yaml",
        "there is no deploy/kubernetes/networks.yaml",
    ),
    (
        "deploy/kubernetes/autoscaling.yaml",
        "kind: StatefulSet",
        "kind: Deployment",
        "there is no Deployment longline-logic",
    ),
    ("deploy/kubernetes/autoscaling.yaml", "logic_cpu_cores", "logic_cpu", "logic_cpu is not both"),
    ("deploy/compose.yaml", "[logic-1, logic-2]", "[logic-1, logic-3]", "there is no logic-3"),
    ("deploy/compose.yaml", "  jwt: {file", "  token: {file", "there is no jwt"),
    (
        "deploy/compose.yaml",
        "seccomp:./seccomp.json",
        "seccomp:./profile.json",
        "there is no ./profile.json",
    ),
    (
        "deploy/compose.yaml",
        "\"prometheus:/prometheus\"",
        "\"series:/prometheus\"",
        "there is no series",
    ),
    ("deploy/grafana/dashboards/longline.json", "\"id\": 3,", "\"id\": 4,", "the dashboard"),
    (
        "deploy/grafana/provisioning/datasources/prometheus.yaml",
        "uid: prometheus",
        "uid: other",
        "the dashboard",
    ),
    ("deploy/Dockerfile", "--from=build", "--from=builder", "there is no stage builder"),
    ("deploy/seccomp.json", "\"kcmp\"", "\"io_uring_setup\"", "refuses io_uring"),
];

#[test]
fn every_check_fails_when_its_name_is_wrong() {
    let tree = Tree::read();
    let before = problems(&tree);
    for (path, from, to, said) in BREAKS {
        let mut broken = tree.clone();
        let text = broken.0.get_mut(*path).expect("a file of the table");
        assert!(text.contains(from), "{path} has no `{from}` to break");
        *text = text.replacen(from, to, 1);
        let after = problems(&broken);
        let is_said = after.iter().any(|it| it.contains(said) && !before.contains(it));
        assert!(is_said, "{path}: `{from}` -> `{to}` was not noticed: {after:?}");
    }
}
