//! Values: what one cell says.

pub(in crate::import) mod dates;
pub(in crate::import) mod numbers;
