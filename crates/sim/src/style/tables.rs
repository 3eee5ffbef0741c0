//! What is allowed where. Only tables: change a rule's reach here, change its meaning in its own
//! module.
//!
//! A path names a file, a directory with all below it, or a module `p` as both `p.rs` and `p/`.

/// Directories that are walked, from the root of the tree.
pub const SOURCE_DIRS: &[&str] =
    &["bench", "crates", "deploy", "docs", "fuzz", "gateway", "loadgen", "logic", "xtask"];

/// Longest source file, in lines.
pub const FILE_LINES_MAX: usize = 500;

/// Pages with a bound of their own, in lines.
pub const PAGE_LINES_MAX: &[(&str, usize)] = &[("README.md", 150)];

/// What stands at the root though no rule looks into it.
pub const REQUIRED: &[&str] = &["CONTRIBUTING.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Sections whose paths must be in the tree: page and title. The first must also name every crate.
pub const MAPS: &[(&str, &str)] = &[
    ("README.md", "Code map"),
    ("docs/architecture.md", "The files a message passes"),
    (NEW_REQUEST.page, NEW_REQUEST.title),
];

/// A list whose rows have numbers, and how many there may be.
#[derive(Debug)]
pub struct ShortList {
    /// Where it stands.
    pub page: &'static str,
    /// The title of its section.
    pub title: &'static str,
    /// Rows at most.
    pub rows_max: usize,
}

/// The files that a new request touches.
pub const NEW_REQUEST: ShortList =
    ShortList { page: "CONTRIBUTING.md", title: "Where a new request goes", rows_max: 6 };

/// How much of a file a ban looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Rust code, without comments and without what stands between quotes.
    Code,
    /// Everything, in every kind of file.
    Text,
}

/// Words that may not appear in some places.
#[derive(Debug)]
pub struct Ban {
    /// Short name.
    pub rule: &'static str,
    /// How much of a file is searched.
    pub look: Look,
    /// Matched as whole words where they begin or end with a word's letter.
    pub words: &'static [&'static str],
    /// Where the ban holds; empty means everywhere. A path that does not exist is a finding.
    pub places: &'static [&'static str],
    /// Where it does not hold after all. A path that does not exist is a finding.
    pub except: &'static [&'static str],
    /// What to do instead.
    pub instead: &'static str,
}

/// Modules that decide and never do: no clock, no waiting, no IO.
pub const PURE_CORES: &[&str] = &[
    "crates/client/src/machine",
    "crates/front/src",
    "crates/link/src",
    "crates/shard/src/shard",
    "crates/sim/src/cluster",
    "crates/wire/src",
    "gateway/src/backend/remote/desk.rs",
    "gateway/src/backend/remote/reach.rs",
    "gateway/src/canary.rs",
    "gateway/src/entry",
    "logic/src/breaker.rs",
    "logic/src/cluster",
];

/// The part of a pure crate that does IO: it reads a secret's file and drives sockets.
const DIAL: &str = "crates/link/src/dial.rs";

/// The part of another that names addresses. It opens none.
const ADDRESSES: &str = "crates/sim/src/cluster/sockets.rs";

/// A ban on what modules may import, in code only.
const fn modules(
    rule: &'static str,
    words: &'static [&'static str],
    places: &'static [&'static str],
    except: &'static [&'static str],
    instead: &'static str,
) -> Ban {
    Ban { rule, look: Look::Code, words, places, except, instead }
}

/// Every ban.
pub const BANS: &[Ban] = &[
    Ban {
        rule: "unsafe only where listed",
        look: Look::Code,
        words: &["unsafe"],
        places: &[],
        except: &["bench", "crates/netring"],
        instead: "write it safely, or put it into crates/netring behind a safe call",
    },
    Ban {
        rule: "pure cores stay pure",
        look: Look::Code,
        words: &[
            "Instant::now",
            "SystemTime::now",
            ".await",
            "async",
            "std::net",
            "net::",
            "std::thread",
            "thread::",
            "std::fs",
            "fs::",
        ],
        places: PURE_CORES,
        except: &[DIAL, ADDRESSES],
        instead: "take `now` and the data as arguments and return what to do; the driver does it",
    },
    Ban {
        rule: "no locks on the path",
        look: Look::Code,
        words: &["Mutex", "RwLock", "Condvar"],
        places: &["crates/link/src", "crates/shard/src", "gateway/src", "logic/src"],
        except: &[],
        instead: "let one executor own it (`RefCell`), send it over a bounded flume channel, or \
                  count in an atomic",
    },
    Ban {
        rule: "one wall clock",
        look: Look::Code,
        words: &["SystemTime"],
        places: &[
            "crates/link/src",
            "crates/service/src",
            "crates/shard/src",
            "gateway/src",
            "logic/src",
        ],
        except: &["crates/service/src/clock.rs"],
        instead: "take `service::clock::unix_ms`: drills set it",
    },
    Ban {
        rule: "queues are bounded",
        look: Look::Code,
        words: &["unbounded", "unbounded_channel", "mpsc::channel()"],
        places: &[],
        except: &[],
        instead: "use the bounded form with a `_MAX` from limits.rs and say what happens when it is full",
    },
    Ban {
        rule: "gateway names no store",
        look: Look::Text,
        words: &["scylla", "Scylla", "ScyllaDB", "redis", "Redis"],
        places: &["gateway"],
        except: &[],
        instead: "speak of the store or the routes; logic knows which one it is",
    },
    modules(
        "a transport knows no session",
        &["crate::entry", "crate::backend", "crate::core", "shard::", "link::", "Kind", "Uid"],
        &["gateway/src/transport"],
        &[],
        "hand frames over as they are; what they mean is the entry's",
    ),
    modules(
        "the entry knows no ring",
        &["netring", "NetRing", "ConnId", "link::", "crate::backend", "crate::core"],
        &["gateway/src/entry"],
        &["gateway/src/entry/tests"],
        "name a channel, write into the outbox that is lent, and say what is to be done as an effect",
    ),
    modules(
        "a request decides and no more",
        &["crate::metrics", "CoreMetrics", "crate::transport", "Outboxes", "Effects"],
        &["gateway/src/entry/requests"],
        &[],
        "return an `Action`; the entry acts on it, counts it and writes it",
    ),
    modules(
        "a backend knows no client",
        &["crate::entry", "crate::transport", "crate::core", "frames::"],
        &["gateway/src/backend"],
        &[],
        "take commands and give deliveries; the core carries them to the entry",
    ),
    modules(
        "a shard knows no store",
        &["crate::store", "crate::host", "netring", "flume", "fjall"],
        &["crates/shard/src/shard"],
        &[],
        "say rows and reads as effects; the host takes them to the store",
    ),
    modules(
        "a link knows no socket",
        &["netring", "NetRing", "ConnId"],
        &["crates/link/src"],
        &[DIAL],
        "take bytes and give bytes; dial.rs, or the process, has the connection",
    ),
    modules(
        "ownership knows no store",
        &["crate::cql", "crate::routes", "crate::node", "link::", "shard::command"],
        &["logic/src/cluster"],
        &[],
        "take rows and times, return changes of rows; the process carries them",
    ),
    modules(
        "stores and routes know no process",
        &["crate::node", "link::", "netring"],
        &["logic/src/cql", "logic/src/routes"],
        &[],
        "take rows and give completions; node/ calls",
    ),
    Ban {
        rule: "no leftover markers",
        look: Look::Text,
        words: &[
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("XX", "X"),
            concat!("HA", "CK"),
            concat!("to", "do!"),
            concat!("unimple", "mented!"),
            concat!("db", "g!"),
        ],
        places: &[],
        except: &[],
        instead: "do it now, or delete it and open an issue",
    },
    Ban {
        rule: "no paths of one machine",
        look: Look::Text,
        words: &[concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")],
        places: &[],
        except: &[],
        instead: "use a path from the repository's root, a flag, or env!(\"CARGO_MANIFEST_DIR\")",
    },
];

/// What a crate may depend on, normal and build dependencies alike.
#[derive(Debug)]
pub struct Imports {
    /// The crate's directory.
    pub krate: &'static str,
    /// Packages it must not name.
    pub banned: &'static [&'static str],
    /// When given, the only crates of this workspace it may name.
    pub siblings: Option<&'static [&'static str]>,
    /// Why, and what to do instead.
    pub instead: &'static str,
}

/// Who may import whom: wire, netring <- shard <- link <- logic, gateway, which do not know each
/// other. loadgen and client know wire and netring; gateway and loadgen know front.
pub const IMPORTS: &[Imports] = &[
    Imports {
        krate: "crates/wire",
        banned: &["flume", "glommio", "io-uring", "libc", "mio", "rustix", "tokio"],
        siblings: Some(&[]),
        instead: "wire is bytes and shapes only; what does IO, waits or runs belongs to its caller",
    },
    Imports {
        krate: "crates/front",
        banned: &["flume", "glommio", "io-uring", "libc", "mio", "rustix", "tokio"],
        siblings: Some(&["wire"]),
        instead: "what carries frames is bytes in and bytes out; its caller has the sockets",
    },
    Imports {
        krate: "crates/netring",
        banned: &["tokio"],
        siblings: Some(&[]),
        instead: "netring is usable without Longline; pass bytes and callbacks in from above",
    },
    Imports {
        krate: "crates/client",
        banned: &["glommio", "io-uring"],
        siblings: Some(&["wire", "netring"]),
        instead: "a client shares nothing with the server but the protocol",
    },
    Imports {
        krate: "crates/sim",
        banned: &["glommio", "io-uring", "tokio"],
        siblings: Some(&["wire", "netring", "shard", "link", "logic", "gateway", "client"]),
        instead: "simulate the pure cores; no runtime",
    },
    Imports {
        krate: "crates/service",
        banned: &["fjall", "redis", "scylla"],
        siblings: Some(&["wire", "netring"]),
        instead: "what every process has knows neither stores nor messages",
    },
    Imports {
        krate: "crates/shard",
        banned: &["glommio", "io-uring", "redis", "scylla", "tokio"],
        siblings: Some(&["wire", "netring"]),
        instead: "a shard and its own store know neither links nor processes; a host drives them",
    },
    Imports {
        krate: "crates/link",
        banned: &["fjall", "flume", "glommio", "io-uring", "redis", "scylla", "tokio"],
        siblings: Some(&["wire", "netring", "shard"]),
        instead: "a link is bytes and items; the process has its sockets and its threads",
    },
    Imports {
        krate: "logic",
        banned: &["fjall", "io-uring"],
        siblings: Some(&["wire", "netring", "service", "shard", "link"]),
        instead: "sockets go through netring; the embedded store is the shard's",
    },
    Imports {
        krate: "gateway",
        banned: &["fjall", "redis", "scylla"],
        siblings: Some(&["wire", "front", "netring", "service", "shard", "link"]),
        instead: "CQL and routes are logic's; the gateway asks nodes over a link",
    },
    Imports {
        krate: "loadgen",
        banned: &["glommio"],
        siblings: Some(&["wire", "front", "netring", "client"]),
        instead: "the judge shares nothing with the server but wire, front, netring and client",
    },
];
