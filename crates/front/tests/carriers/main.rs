//! What carries frames, seen from outside; a module a property.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;
mod any_cut_of_the_bytes_gives_the_same;
mod a_head_is_judged;
mod a_page_is_asked_for;
mod a_call_is_one_request;
mod what_may_not_be_said_has_a_code;
mod both_ends_agree_with_tungstenite;
mod tls_carries_the_same;
