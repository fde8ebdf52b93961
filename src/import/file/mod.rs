//! Files: kept until they are imported, opened, decoded, and cut into rows.

pub(in crate::import) mod reader;
pub(in crate::import) mod rows;
pub(in crate::import) mod source;
pub(in crate::import) mod spool;
