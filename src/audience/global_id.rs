//! Global ids: opaque to other programs, the kind and the number of a thing to us. The API and messages to other systems
//! have the same.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns the global id of a thing of a kind, such as `Subscriber`.
pub fn write_global_id(kind: &str, id: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}
