//! How a user's routes lie in a Redis hash: names of keys and fields, to and from [`Route`]. It knows no connection.

use shard::owner::NodeId;
use std::collections::HashMap;
use std::net::SocketAddr;
use wire::{DeviceId, Generation, Uid};

/// Where one device of a user is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The user.
    pub uid: Uid,
    /// The device.
    pub device: DeviceId,
    /// The login. A later one replaces an earlier one.
    pub generation: Generation,
    /// Where the gateway that has the connection listens for clients.
    pub entry_address: SocketAddr,
    /// When it logged in, Unix ms.
    pub login_time_ms: u64,
    /// The logic node that logged it in.
    pub node: NodeId,
}

/// Where all devices of a user are logged in, as the owner of the user knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRoutes {
    /// The user.
    pub uid: Uid,
    /// Logins up to this one that are not among the routes are over.
    pub as_of: Generation,
    /// One a device.
    pub routes: Vec<Route>,
}

/// The key of a user's hash. The braces keep it in one slot of a Redis Cluster.
pub fn key(uid: Uid) -> String {
    format!("longline:route:{{{uid}}}")
}

/// The key by which a process notices that Redis has lost what it wrote.
pub fn witness_key(process: u64) -> String {
    format!("longline:witness:{process:016x}")
}

/// The routes of a hash, by device. A device whose fields are incomplete or not understood is left out.
pub fn parse(uid: Uid, fields: &HashMap<String, String>) -> Vec<Route> {
    let devices = fields.keys().filter_map(|name| name.strip_suffix(".generation"));
    let mut routes: Vec<Route> =
        devices.filter_map(|device| parse_device(uid, device, fields)).collect();
    routes.sort_unstable_by_key(|route| route.device);
    routes
}

fn parse_device(uid: Uid, device: &str, fields: &HashMap<String, String>) -> Option<Route> {
    let field = |name: &str| fields.get(&format!("{device}.{name}"));
    let ip = field("entryIp")?.parse().ok()?;
    Some(Route {
        uid,
        device: DeviceId(device.parse().ok()?),
        generation: Generation(field("generation")?.parse().ok()?),
        entry_address: SocketAddr::new(ip, field("entryPort")?.parse().ok()?),
        login_time_ms: field("loginTime")?.parse().ok()?,
        node: NodeId(field("node")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_hash_is_read_by_device_and_what_is_broken_is_left_out() {
        let whole = [
            ("9.entryIp", "::1"),
            ("9.entryPort", "7400"),
            ("9.loginTime", "1700000000000"),
            ("9.generation", "4503599627370497"),
            ("9.node", "3"),
        ];
        let mut broken = fields(&whole);
        broken.extend(fields(&[("8.generation", "1"), ("8.entryIp", "::1"), ("note", "by hand")]));
        let route = Route {
            uid: Uid(7),
            device: DeviceId(9),
            generation: Generation((1 << 52) + 1),
            entry_address: "[::1]:7400".parse().unwrap(),
            login_time_ms: 1_700_000_000_000,
            node: NodeId(3),
        };
        assert_eq!(parse(Uid(7), &broken), [route]);
        for (name, _) in whole {
            let mut less = fields(&whole);
            less.remove(name);
            assert_eq!(parse(Uid(7), &less), [], "without {name}");
        }
    }

    #[test]
    fn keys_are_as_documented() {
        assert_eq!(key(Uid(7)), "longline:route:{7}");
        assert_eq!(witness_key(255), "longline:witness:00000000000000ff");
    }
}
