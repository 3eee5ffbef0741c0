//! The Longline client.
//!
//! [`machine`] is a session without IO: what a client says, keeps, repeats, delivers. [`Client`] drives one over TCP, in
//! TLS if it is to, on a tokio runtime. Whoever drives a mass of sessions over sockets of its own uses the machine alone.

pub mod limits;
mod error;
mod clock;
pub mod machine;
mod group;
mod message;
mod position;
mod config;
mod received;
mod client;
mod catch_up;
mod command;
mod waiting;
mod desk;
mod tls;
mod dial;
mod task;

pub use catch_up::CaughtUp;
pub use client::{Client, Inbox};
pub use clock::Clock;
pub use config::Config;
pub use error::ClientError;
pub use group::{GroupChange, GroupInfo, GroupRole, given_role, muted_until_ms, named_users};
pub use machine::Draft;
pub use message::{
    Ack, Chat, ChatState, ChatsPage, Device, Doing, GroupMember, GroupMembersPage, Message, Signal,
};
pub use position::Position;
pub use received::Received;
pub use tls::Tls;
