//! The Longline load generator: sends messages when they are due, verifies every one, measures what a user
//! feels, and says when it was itself the bottleneck. It knows the protocol and nothing of the server.

pub mod failure;
pub mod limits;
pub mod out_dir;
pub mod scenario;
pub mod clock;
pub mod about;
pub mod units;
pub mod body;
pub mod friends;
pub mod schedule;
pub mod verify;
pub mod histograms;
pub mod slo;
pub mod token;
pub mod keeper;
pub mod certificate;
pub mod serve;
pub mod target;
pub mod server_cost;
pub mod fleet;
pub mod machine;
pub mod run;
pub mod verdict;
pub mod progress;
pub mod report;
pub mod runs;
pub mod search;
pub mod compare;
pub mod merge;
pub mod herd;
pub mod doctor;
