//! Values: what one cell says.

pub(in crate::import) mod cell;
pub(in crate::import) mod dates;
pub(in crate::import) mod numbers;
mod read;

pub(in crate::import) use read::read_cell;
