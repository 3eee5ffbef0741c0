//! The store over CQL, on a real server.

pub mod keyspace;
pub mod between;
mod a_message_is_four_statements;
mod a_takeover_finds_what_was_committed;
mod acked_survives_a_kill;
mod an_unknown_outcome_is_not_acked;
mod errors_of_the_server_are_made_good;
mod owners_change_by_compare_and_set;
mod rows_go_by_age;
