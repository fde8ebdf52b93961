//! The decisions about a file, as an import stores them.

use super::column::StoredPlan;
use serde::{Deserialize, Serialize};

/// The decisions about a file. They are stored with the import, so that a resumed import reads the file in the same
/// way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The plan of each column, in their order.
    pub columns: Vec<StoredPlan>,
    /// The values of `set`, each with the name of its target.
    pub constants: Vec<(String, String)>,
    /// The names of the groups that single rows name.
    #[serde(default)]
    pub groups: Vec<String>,
}
