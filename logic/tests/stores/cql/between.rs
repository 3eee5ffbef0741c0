//! A proxy between the driver and a real server. It throws answers away, or answers in the server's
//! place, where it is told to; everything else passes.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use super::keyspace::{Keyspace, RUNTIME, server};
use logic::cql::{CqlClient, CqlConfig};
use scylla::errors::DbError;
use scylla_proxy::{
    Condition, Node, Proxy, Reaction, RequestOpcode, RequestReaction, RequestRule, ResponseFrame,
    ResponseOpcode, ResponseReaction, ResponseRule, RunningProxy, ShardAwareness,
};

/// The running proxy, and what it is told to do.
pub struct Between {
    address: SocketAddr,
    running: RunningProxy,
}

impl Between {
    /// Everything passes.
    pub fn start() -> Self {
        let server = server().to_socket_addrs().unwrap().next().unwrap();
        // The driver takes a server's address from the server, and the port from where it reached it.
        let free = TcpListener::bind((server.ip(), 0)).expect("the server is on this machine");
        let address = free.local_addr().unwrap();
        drop(free);
        let node = Node::builder().real_address(server).proxy_address(address);
        let node = node.shard_awareness(ShardAwareness::Unaware).build();
        let running = RUNTIME.block_on(Proxy::builder().with_node(node).build().run()).unwrap();
        Self { address, running }
    }

    /// A client that reaches the server through it.
    pub fn connect(&self, keyspace: &Keyspace) -> Arc<CqlClient> {
        let contact_points = vec![self.address.to_string()];
        let config = CqlConfig { contact_points, ..keyspace.config.clone() };
        RUNTIME.block_on(CqlClient::connect(config, RUNTIME.handle())).unwrap()
    }

    /// What the server says never arrives.
    pub fn mute(&mut self) {
        let rule = ResponseRule(Condition::True, ResponseReaction::drop_frame());
        self.running.running_nodes[0].change_response_rules(Some(vec![rule]));
    }

    /// The next `times` statements do not reach the server; this is the answer.
    pub fn refuse(&mut self, times: usize, error: DbError) {
        let execute = Condition::RequestOpcode(RequestOpcode::Execute);
        let next = execute.and(Condition::TrueForLimitedTimes(times));
        let rule = RequestRule(next, RequestReaction::forge_with_error(error));
        self.running.running_nodes[0].change_request_rules(Some(vec![rule]));
    }

    /// The next `times` statements are done; this is said of them all the same.
    pub fn deny(&mut self, times: usize, error: DbError) {
        let result = Condition::ResponseOpcode(ResponseOpcode::Result);
        let next = result.and(Condition::TrueForLimitedTimes(times));
        let say = move |frame: ResponseFrame| {
            ResponseFrame::forged_error(frame.params, error.clone(), None).unwrap()
        };
        let rule = ResponseRule(next, ResponseReaction::transform_frame(Arc::new(say)));
        self.running.running_nodes[0].change_response_rules(Some(vec![rule]));
    }

    /// Everything passes again.
    pub fn heal(&mut self) {
        self.running.turn_off_rules();
    }
}
