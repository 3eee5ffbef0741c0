//! Who owns which partition, and how a log passes from one owner to the next: pure, one [`Ownership`] a node.
//!
//! Two tables say it all: a lease a node, an owner a partition. Their rows change by
//! compare-and-set only. It does not know what keeps the tables, what a shard does with a
//! partition, or how nodes reach each other. `docs/commit.md` tells the whole.
//!
//! Why at most one node commits in a partition at any moment:
//! 1. A node commits only while its lease is valid on its own clock, counted from before the renewal was sent.
//! 2. Another node may end that lease only after it has seen it unchanged for its length plus margin, and only by
//!    changing exactly the row it saw. So when a lease is ended, it is over on its holder's clock, and can never be
//!    renewed. A lapse that nobody made use of costs nothing: the holder renews and goes on.
//! 3. A partition passes on only from a holder whose lease was ended, or by the holder itself, after it has
//!    stopped. An epoch is begun by one node, once, and never again after it was stopped.
//!
//! All waiting is before the claim: a node that finds its name in an owner row may begin at once.

pub mod ids;
pub mod limits;
pub mod settings;
pub mod tables;
pub mod effects;
pub mod rendezvous;
pub mod lease;
pub mod watch;
pub mod partitions;
pub mod ownership;
pub mod takeover;

pub use effects::{Effect, Input, Table};
pub use ids::{Moment, Position};
pub use ownership::Ownership;
pub use settings::Settings;
pub use tables::{LeaseChange, LeaseRow, Outcome, OwnerChange, Standing};
