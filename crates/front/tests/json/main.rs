//! Frames as JSON, seen from outside; a module a property.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sayable;
mod forms;
mod both_forms_agree;
mod vectors_have_both_forms;
mod the_page_is_right;
mod what_is_not_understood_is_told;
