//! The store and the routes wait between tries as links do. They know nothing else of a link.

pub use link::Backoff;
