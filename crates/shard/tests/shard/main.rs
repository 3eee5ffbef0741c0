//! What one step of a shard does with memory and with failing reads, over the store of tests; a module a property. The worlds
//! of shards are `acked_is_in_both_inboxes_once`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod a_signal_loads_nobody;
mod a_body_is_not_copied;
mod a_read_that_failed_is_made_again;
mod a_senders_order_outlives_refusals;
mod a_store_that_was_put_back_is_noticed;
mod rows_that_are_gone_are_told;
mod what_was_taken_back_stays_so;
mod who_is_away_is_told;
mod who_is_away_in_any_world;
