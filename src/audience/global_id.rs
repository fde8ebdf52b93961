//! Global ids: the kind and the id of a thing, opaque to other programs. The API and messages to other systems use the
//! same global ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns the global id of a thing of a kind, such as `Subscriber`.
pub fn write_global_id(kind: &str, id: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}
