//! Lists in a cell: a JSON array, an array of Postgres or Python, quoted items, or items with a separator.

use serde_json::Value;

/// Splits a bare text into items. `split` is the separator if they are not written as an array; `None` means `|`.
pub fn read_items(text: &str, split: Option<char>) -> Result<Vec<String>, String> {
    if let Some(items) = read_array(text) {
        return items;
    }
    if split.is_none() && (text.starts_with('"') || text.starts_with('{') && text.ends_with('}')) {
        let inner = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let is_quoted = inner.is_none();
        let cut = cut(inner.unwrap_or(text), &[',', ';', '|']);
        // A text that begins with a quote is a list of quoted items only if all items are quoted.
        if let Some(items) =
            cut.filter(|items| !is_quoted || items.iter().all(|(_, quoted)| *quoted))
        {
            return Ok(kept(items));
        }
    }
    let split = split.unwrap_or('|');
    Ok(match cut(text, &[split]) {
        Some(items) => kept(items),
        None => kept(
            text.split(split)
                .map(|item| (item.to_owned(), false))
                .collect(),
        ),
    })
}

fn kept(items: Vec<(String, bool)>) -> Vec<String> {
    let items = items.into_iter().map(|(item, _)| item.trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// Reads an array in JSON or in the form of Python. Returns `None` for other texts.
fn read_array(text: &str) -> Option<Result<Vec<String>, String>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if let Ok(items) = serde_json::from_str::<Vec<Value>>(text) {
        return Some(
            items
                .iter()
                .map(item_of)
                .filter(|item| !matches!(item, Ok(text) if text.trim().is_empty()))
                .collect(),
        );
    }
    let items = cut(
        &inner.replace("', '", "\", \"").replace(['\''], "\""),
        &[','],
    )?;
    Some(Ok(kept(items)))
}

/// Returns the text of an item of a JSON array: of a text, a number, a boolean, or an object that has a name.
fn item_of(item: &Value) -> Result<String, String> {
    match item {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        Value::Object(object) => {
            let name = ["name", "title", "label", "value", "slug", "key"]
                .iter()
                .find_map(|key| object.get(*key)?.as_str());
            name.map(str::to_owned)
                .ok_or_else(|| format!("expected a list of texts, found {item} in it"))
        }
        Value::Array(_) => Err(format!("expected a list of texts, found {item} in it")),
    }
}

/// Cuts a text at each mark outside of quotes. Returns each item and whether it was quoted. Returns `None` if the quotes
/// do not match.
fn cut(text: &str, marks: &[char]) -> Option<Vec<(String, bool)>> {
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(inner) = rest.strip_prefix('"') {
            let (item, after) = read_quoted(inner)?;
            let after = after.trim_start();
            items.push((item, true));
            if after.is_empty() {
                return Some(items);
            }
            rest = after.strip_prefix(marks)?.trim_start();
        } else {
            match rest.split_once(marks) {
                Some((item, after)) => {
                    items.push((item.to_owned(), false));
                    rest = after.trim_start();
                }
                None => {
                    items.push((rest.to_owned(), false));
                    return Some(items);
                }
            }
        }
    }
}

/// Reads up to the closing quote; a quote within is doubled or follows a backslash.
fn read_quoted(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' if text[place + 1..].starts_with('"') => {
                characters.next();
                item.push('"');
            }
            '"' => return Some((item, &text[place + 1..])),
            '\\' if text[place + 1..].starts_with(['"', '\\']) => {
                item.extend(characters.next().map(|(_, escaped)| escaped));
            }
            other => item.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_in_many_forms() {
        for (text, split, items) in [
            ("a|b", None, &["a", "b"][..]),
            ("a, b", None, &["a, b"]),
            ("a, b", Some(','), &["a", "b"]),
            ("retail, vip,", Some(','), &["retail", "vip"]),
            ("a;b;;c", Some(';'), &["a", "b", "c"]),
            ("\"VIP\",\"Blog, weekly\"", None, &["VIP", "Blog, weekly"]),
            (
                "\"VIP\", \"Blog, weekly\"",
                Some(','),
                &["VIP", "Blog, weekly"],
            ),
            ("\"VIP\"", None, &["VIP"]),
            ("VIP,\"Blog, weekly\"", Some(','), &["VIP", "Blog, weekly"]),
            ("[\"vip\", \"blog\"]", None, &["vip", "blog"]),
            ("[\"vip\", \"blog\"]", Some(','), &["vip", "blog"]),
            ("['vip', 'blog']", None, &["vip", "blog"]),
            ("[1, true, null]", None, &["1", "true"]),
            ("[{\"id\": 1, \"name\": \"VIP\"}]", None, &["VIP"]),
            ("{vip,\"blog, weekly\"}", None, &["vip", "blog, weekly"]),
            ("[]", None, &[]),
            ("say \"hi\"|b", None, &["say \"hi\"", "b"]),
            ("\"a\" b|c", None, &["\"a\" b", "c"]),
            ("a \\| b", Some(','), &["a \\| b"]),
        ] {
            let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(read_items(text, split), Ok(items), "{text}");
        }
        assert!(read_items("[[1]]", None).is_err());
    }
}
