//! The way of notifications to the receiver of offline push: a signed request at a time for each shard, again until it is taken
//! or given up. It knows no shard, but that each has asked for something and waits to hear what became of it.
//!
//! If the process dies, the shards ask for the same again: nothing here is worth keeping.

mod courier;
mod events;
mod outcome;
mod post;
mod sign;
mod target;
mod worker;

pub use sign::Secrets;
pub use target::{Target, TargetError};
pub use worker::{Line, Webhook};
