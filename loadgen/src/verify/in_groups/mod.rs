//! The judge's part of groups: it takes what is sent, answered, shown and read back, and says at the end what is wrong. It does
//! not know how a run comes to all that.

mod judge;
mod shown;
mod read_back;
mod reading;
mod finish;
#[cfg(test)]
mod tests;
