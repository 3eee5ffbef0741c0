//! The routes in Redis, on real servers; a module a property. They run side by side: each test has users of its own on the
//! server of the environment, or a server of its own that it may stop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rig;
mod a_stale_session_cannot_touch_a_newer_route;
mod redis_is_asked_little;
mod routes_survive_their_server;
