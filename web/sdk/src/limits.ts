// The client's bounds and times, in ms. They are those of `crates/client/src/limits.rs`.

/** Sends that wait for their acks, at most. */
export const SENDS_PENDING_MAX = 256;
/** Bytes of a message's body, at most. */
export const BODY_BYTES_MAX = 32_768;
/** Time to an ack after which a send is repeated; doubled each time ... */
export const ACK_TIMEOUT_MS = 10_000;
/** ... up to this. */
export const ACK_TIMEOUT_MS_MAX = 80_000;
/** Pushed rows that are acknowledged together, at most. */
export const ACK_ROWS_MAX = 16;
/** How long a pushed row waits for its acknowledgement. */
export const ACK_DELAY_MS = 500;
/** Least wait after a refusal that may be tried again; doubled each time. */
export const REFUSED_WAIT_MS = 200;
/** Time to a connection, with its handshakes. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** From the connect to the login's reply. */
export const LOGIN_TIMEOUT_MS = 10_000;
/** Time to a sync's page, after which it is asked for again. */
export const SYNC_TIMEOUT_MS = 10_000;
/** Time to the next push of what was missed, after which it is asked for. */
export const PUSHES_TIMEOUT_MS = 2_000;
/** Reconnects wait a random part of this, doubled at each failure, ... */
export const RECONNECT_MS = 500;
/** ... up to this. */
export const RECONNECT_MS_MAX = 30_000;
/** A server's hint when to come back is followed up to here. */
export const RECONNECT_HINT_MS_MAX = 600_000;
/** Time to a heartbeat's answer, after which the connection is dead. */
export const HEARTBEAT_REPLY_MS = 10_000;
/** Heartbeats are never closer than this. */
export const HEARTBEAT_MS_MIN = 1_000;
/** How long a conversation rests after the peer was told what the user does: the server drops what comes sooner. */
export const SIGNAL_REST_MS = 3_000;
/** Rows of a page. */
export const PAGE_ROWS_MAX = 256;
/** Requests that wait for their replies, at most. */
export const REQUESTS_PENDING_MAX = 64;
/** Time to a request's reply. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** How old a message id may be, and how far ahead of the server's clock. */
export const ID_AGE_MS_MAX = 86_400_000;
export const CLOCK_SKEW_MS_MAX = 10_000;
/** How long a poll waits for a row, in seconds; and time to its answer, in ms. */
export const POLL_WAIT_S = 25;
export const POLL_TIMEOUT_MS = 35_000;
/** WebSockets in a row over which nobody could log in, after which a client polls. */
export const SOCKETS_FAILED_MAX = 2;
