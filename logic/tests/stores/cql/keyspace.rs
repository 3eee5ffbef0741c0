//! A real CQL server for tests: `LONGLINE_CQL` says where. Each bench has a keyspace of its own, dropped with it.

use std::sync::{Arc, LazyLock};

use logic::cql::schema::{self, SchemaConfig};
use logic::cql::{CqlClient, CqlConfig, CqlStore};
use logic::fence::Fence;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use shard::owner::Epoch;
use shard::partition::Partition;
use tokio::runtime::Runtime;
use wire::Uid;

use crate::driven::Driven;

/// Shared by the tests of a process.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// Where the server is.
pub fn server() -> String {
    std::env::var("LONGLINE_CQL").unwrap_or_else(|_| {
        panic!("LONGLINE_CQL=host:port is not set: run `cargo xtask test`, which starts a server")
    })
}

/// Tables of this program, and a client of theirs.
pub struct Keyspace {
    pub client: Arc<CqlClient>,
    pub config: CqlConfig,
}

/// One copy of each row.
pub fn settings() -> SchemaConfig {
    SchemaConfig { replication_factor: 1, ..SchemaConfig::default() }
}

/// A name that no other test has.
pub fn config() -> CqlConfig {
    let mut number = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut it| std::io::Read::read_exact(&mut it, &mut number))
        .unwrap();
    let keyspace = format!("test_{:016x}", u64::from_le_bytes(number));
    CqlConfig::new(vec![server()], keyspace)
}

/// A session beside the client's.
pub fn session() -> Session {
    RUNTIME.block_on(SessionBuilder::new().known_node(server()).build()).unwrap()
}

impl Keyspace {
    pub fn new() -> Self {
        let config = config();
        RUNTIME.block_on(schema::apply(&config, &settings())).unwrap();
        Self::of(config)
    }

    /// Tables that are there; whoever is dropped first drops them.
    pub fn of(config: CqlConfig) -> Self {
        let client =
            RUNTIME.block_on(CqlClient::connect(config.clone(), RUNTIME.handle())).unwrap();
        Self { client, config }
    }

    /// How many messages the server has, asked past any proxy.
    pub fn messages(&self) -> usize {
        let text = format!("SELECT seq FROM {}.messages", self.config.keyspace);
        let session = session();
        let rows = RUNTIME.block_on(async { session.query_unpaged(text, ()).await }).unwrap();
        rows.into_rows_result().unwrap().rows_num()
    }

    /// The store of some partition, under an epoch. What is in it does not depend on which.
    pub fn open(&self, epoch: u32, fence: Fence) -> Driven {
        open(&self.client, epoch, Arc::new(fence))
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        let drop = format!("DROP KEYSPACE IF EXISTS {}", self.config.keyspace);
        let session = session();
        let mut statement = scylla::statement::unprepared::Statement::new(drop);
        statement.set_request_timeout(None);
        let _ = RUNTIME.block_on(async { session.query_unpaged(statement, ()).await });
    }
}

/// See [`Keyspace::open`].
pub fn open(client: &Arc<CqlClient>, epoch: u32, fence: Arc<Fence>) -> Driven {
    let partition = Partition::of_user(Uid(1));
    Driven::with_wake(|wake| CqlStore::open(client, partition, Epoch(epoch), fence, wake))
}
