//! A look at a document before it is parsed: the parser of async-graphql 7 calls itself for every nested value, so
//! that a few kilobytes of brackets would overflow the stack and end the process.

/// How deeply brackets of any kind may be nested; rules of the greatest depth stay well below it.
const MAX_NESTING: usize = 200;

/// Whether the brackets of a document are nested too deeply. Strings and comments do not count.
pub fn is_too_deep(document: &str) -> bool {
    let mut depth: usize = 0;
    let mut rest = document.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > MAX_NESTING {
                    return true;
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => rest = skip_past(rest, b"\n"),
            b'"' if rest.starts_with(b"\"\"") => rest = skip_block_string(&rest[2..]),
            b'"' => rest = skip_string(rest),
            _ => {}
        }
    }
    false
}

fn skip_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => rest = rest.get(1..).unwrap_or_default(),
            b'"' | b'\n' => break,
            _ => {}
        }
    }
    rest
}

fn skip_block_string(mut rest: &[u8]) -> &[u8] {
    loop {
        let skipped = skip_past(rest, b"\"\"\"");
        let is_escaped =
            rest.len() >= skipped.len() + 4 && rest[rest.len() - skipped.len() - 4] == b'\\';
        rest = skipped;
        if !is_escaped {
            return rest;
        }
    }
}

fn skip_past<'d>(rest: &'d [u8], end: &[u8]) -> &'d [u8] {
    let found = rest.windows(end.len()).position(|window| window == end);
    found.map_or(&[], |position| &rest[position + end.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_but_not_in_strings_and_comments() {
        let nested = |opening: &str| format!("{{ a(b: {}", opening.repeat(5_000));
        assert!(is_too_deep(&nested("[")));
        assert!(is_too_deep(&nested("{a:")));
        assert!(!is_too_deep(&format!(
            "{{ a(b: \"{}\") }}",
            "[".repeat(5_000)
        )));
        assert!(!is_too_deep(&format!(
            "{{ a(b: \"\"\"{} \\\"\"\" [\"\"\") }}",
            "[".repeat(5_000)
        )));
        assert!(!is_too_deep(&format!("# {}\n{{ a }}", "[".repeat(5_000))));
        assert!(!is_too_deep(&"{a}".repeat(5_000)));
        assert!(is_too_deep(&format!("\"\\\"\" {}", "[".repeat(5_000))));
    }
}
