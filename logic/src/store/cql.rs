//! STUB
use super::{Store, Wake};
use crate::cluster::*;
use crate::partition::Partition;
use std::sync::Arc;
pub struct CqlClient;
pub struct CqlConfig;
impl CqlConfig {
    pub fn new(_: Vec<String>, _: String) -> Self {
        Self
    }
}
pub struct Breaker;
impl Breaker {
    pub fn is_open(&self) -> bool {
        false
    }
}
impl CqlClient {
    pub async fn connect(_: CqlConfig) -> Result<Arc<Self>, std::io::Error> {
        unimplemented!()
    }
    pub fn inbox_epoch(&self) -> u64 {
        0
    }
    pub fn breaker(&self) -> &Breaker {
        &Breaker
    }
    pub async fn leases(&self) -> Result<Vec<(LeaseRow, Option<String>)>, std::io::Error> {
        unimplemented!()
    }
    pub async fn owners(&self) -> Result<Vec<OwnerRow>, std::io::Error> {
        unimplemented!()
    }
    pub async fn change_lease(&self, _: LeaseChange, _: Option<&str>) -> Outcome<LeaseRow> {
        unimplemented!()
    }
    pub async fn change_owner(&self, _: OwnerChange) -> Outcome<OwnerRow> {
        unimplemented!()
    }
}
pub struct CqlStore;
impl CqlStore {
    pub fn open(_: &Arc<CqlClient>, _: (Partition, Epoch), _: Arc<Fence>, _: Wake) -> Store {
        unimplemented!()
    }
}
pub mod schema {
    #[derive(Debug, clap::Args)]
    pub struct Args {
        #[arg(long)]
        x: u64,
    }
    pub fn run(_: &Args) -> Result<(), service::exit::Fatal> {
        unimplemented!()
    }
}
