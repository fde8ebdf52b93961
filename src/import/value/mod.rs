//! Values: what one cell says.
//!
//! `read.rs` reads a cell as a value of a kind; the other files read one form each. A form that has one meaning only is read,
//! whichever program wrote it; a form of two meanings needs an option, which the outcome names.

pub(in crate::import) mod bare;
pub(in crate::import) mod boolean;
pub(in crate::import) mod cell;
mod clock;
pub(in crate::import) mod dates;
mod email;
mod list;
mod mojibake;
mod moment;
mod months;
mod number;
pub(in crate::import) mod numbers;
mod read;

pub(in crate::import) use boolean::{find_boolean, is_mark};
pub(in crate::import) use email::read_email;

pub(in crate::import) use number::Decimal;
pub(in crate::import) use numbers::decimal_proof;
pub(in crate::import) use read::read_cell;
