//! The relay floor: the least that a server must do under loadgen's 1:1 traffic. One thread, one io_uring, no
//! runtime, no store. What Longline costs beyond it is what its promises and its structure cost.
//!
//! It keeps no promise: tokens are read but not verified, a message to somebody who is not there is forgotten, each
//! user has one device.

mod limits;
mod token;
mod ring;
mod users;
mod connections;
mod relay;
mod frames;

pub use relay::serve;
