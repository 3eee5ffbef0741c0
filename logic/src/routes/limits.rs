//! The bounds of the routes, with the arithmetic that gives them.

/// How long a user's routes stay without a refresh, in seconds: two refreshes may be lost.
pub const ROUTE_TTL_S: u32 = 3 * ROUTE_REFRESH_S;
/// How often a node refreshes the routes of its users, in seconds.
pub const ROUTE_REFRESH_S: u32 = 200;
/// Commands in a pipeline. A million users are 5,000 refreshes a second, in pipelines of 500: 10 round trips a second.
pub const PIPELINE_COMMANDS_MAX: usize = 500;
/// Changes, refreshes and questions that wait for Redis. A core logs in 18,000 a second: nearly a second. At 80 bytes
/// each 1.3 MB.
pub const ROUTE_JOBS_MAX: usize = 16 * 1024;
/// Users in one refresh: a pipeline.
pub const REFRESH_USERS_MAX: usize = PIPELINE_COMMANDS_MAX;
/// Refreshes that wait, of all cores together: 32,000 users, 5 MB with two devices each. More than six seconds of a million
/// users.
pub const REFRESHES_WAITING_MAX: usize = 64;
/// Removes that could not be said and wait for Redis: nearly a second of a core's logouts, 24 bytes each. What is more ends
/// with its user's time to live.
pub const UNSAID_MAX: usize = 16 * 1024;
/// How long a connection may take, in ms.
pub const CONNECT_TIMEOUT_MS: u64 = 1_000;
/// How long a pipeline may take, in ms. 500 logins were measured to take 5 ms (`tests/routes/redis_is_asked_little.rs`).
pub const RESPONSE_TIMEOUT_MS: u64 = 1_000;
/// How long Redis may fail before the breaker opens, in ms.
pub const BREAKER_OPENS_AFTER_MS: u64 = 3_000;
/// The first wait after a failure, at most, in ms. What is asked meanwhile waits too.
pub const RETRY_FIRST_MS: u64 = 50;
/// The longest such wait, in ms.
pub const RETRY_LONGEST_MS: u64 = 1_000;
/// How long the open breaker waits before the next probe, in ms; also how often an idle connection
/// is checked.
pub const PROBE_EVERY_MS: u64 = 1_000;

const USERS: usize = 1_000_000;
const REFRESHES_A_SECOND: usize = USERS / ROUTE_REFRESH_S as usize;
const _: () = assert!(REFRESHES_A_SECOND / PIPELINE_COMMANDS_MAX == 10);
const _: () = assert!(REFRESHES_WAITING_MAX * REFRESH_USERS_MAX >= 6 * REFRESHES_A_SECOND);
const _: () = assert!(REFRESHES_WAITING_MAX < ROUTE_JOBS_MAX);
const _: () = assert!(REFRESH_USERS_MAX <= PIPELINE_COMMANDS_MAX);
// What Redis missed while it was away for less than the breaker needs to open is refreshed in time.
const _: () = assert!(
    BREAKER_OPENS_AFTER_MS + RETRY_LONGEST_MS + CONNECT_TIMEOUT_MS + RESPONSE_TIMEOUT_MS
        < (ROUTE_TTL_S - 2 * ROUTE_REFRESH_S) as u64 * 1_000
);
