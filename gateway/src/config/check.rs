//! What settings must hold together.

use super::problem::Problem;
use super::settings::Config;
use super::typed::Raw;

/// Adds what does not fit together.
pub fn together(config: &Config, raw: &Raw, problems: &mut Vec<Problem>) {
    let mut add = |key: &str, value: &dyn ToString, advice: &str| {
        problems.push(raw.problem(key, &value.to_string(), advice.to_owned()));
    };
    if !config.admin.ip().is_loopback() && !config.admin_allow_remote {
        let advice = "is not a loopback address, and whoever reaches it reads the metrics: give a \
                      127.0.0.1 port, or set admin_allow_remote = true behind a firewall";
        add("admin", &config.admin, advice);
    }
    if config.listen == config.admin && config.listen.port() != 0 {
        add("admin", &config.admin, "is the same as listen: give another port");
    }
    if config.shards != 0 && config.cores != 0 && config.shards != config.cores {
        let advice = "differs from cores, but each shard has one core: give only one of the two";
        add("shards", &config.shards, advice);
    }
}
