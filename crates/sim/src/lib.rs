//! Checks on Longline itself: the style test over the source tree.
//!
//! It knows files and manifests as text. It does not know what any crate does, and depends on none of them.

pub mod style;
