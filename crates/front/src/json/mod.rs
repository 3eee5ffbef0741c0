//! Frames as JSON: each an object with one key that names its kind, and the request's id. From text to frames and back.
//!
//! Two tables say what there is: `kinds` (which frames) and `objects` (what is in them). It does not know who speaks, nor what
//! a frame means.

mod values;
mod shapes;
mod fields;
mod forms;
mod objects;
mod write;
mod kinds;
mod read;

pub use forms::bytes;
pub use kinds::{describes, write};
pub use objects::described;
pub use read::{Unclear, read};
pub use shapes::{Described, Property, Shape};
