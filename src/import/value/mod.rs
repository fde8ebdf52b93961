//! Reads the values of single cells.
//!
//! `read.rs` reads a cell as a value of a kind; the other files read one form each. A form with one meaning is read,
//! whichever program wrote it. A form with two meanings needs an option, which the outcome names.

pub(in crate::import) mod bare;
pub(in crate::import) mod boolean;
pub(in crate::import) mod cell;
mod clock;
pub(in crate::import) mod date_format;
pub(in crate::import) mod dates;
mod email;
pub(in crate::import) mod format;
mod list;
mod mojibake;
mod moment;
mod months;
mod number;
pub(in crate::import) mod numbers;
mod read;
mod token;

pub(in crate::import) use boolean::{find_boolean, is_mark};
pub(in crate::import) use email::read_email;
pub(in crate::import) use number::Decimal;
pub(in crate::import) use numbers::decimal_proof;
pub(in crate::import) use read::read_cell;
