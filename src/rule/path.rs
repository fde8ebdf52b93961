//! Paths of places in a rule, such as `all[0].text.field`.

/// Returns the path of a key below a path.
pub fn child(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Returns the path of a list item.
pub fn element(path: &str, position: usize) -> String {
    format!("{path}[{position}]")
}
