//! The links between processes: what is said is heard, by neighbouring releases too, and strangers and damage end a link.
//! Pure; a module a property.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod items;
mod next;
mod a_link_refuses_strangers_and_damage;
mod links_carry_what_was_said;
mod neighbours_work_together;
mod vectors;
