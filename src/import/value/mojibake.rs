//! Repairs texts that were encoded twice: UTF-8 that a program read as Windows-1252 and wrote as UTF-8 again.

use encoding_rs::WINDOWS_1252;

/// Returns the original of a text that was encoded twice: its characters are the bytes of well-formed UTF-8. Returns
/// `None` for other texts.
pub fn mend(text: &str) -> Option<String> {
    // Every character beyond ASCII begins with one of these bytes in UTF-8, which Windows-1252 shows as these
    // characters.
    if !text.contains(|character| ('\u{c2}'..='\u{f4}').contains(&character)) {
        return None;
    }
    let (bytes, _, has_others) = WINDOWS_1252.encode(text);
    let mended = std::str::from_utf8(&bytes).ok().filter(|_| !has_others)?;
    Some(mended.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_encoded_twice_is_mended() {
        for (text, mended) in [
            ("M\u{c3}\u{bc}ller", Some("Müller")),
            ("Jos\u{c3}\u{a9} L\u{c3}\u{b3}pez", Some("José López")),
            ("\u{e2}\u{201a}\u{ac}", Some("€")),
            ("Müller", None),
            ("São Tomé", None),
            ("Petraitė", None),
            ("Ona", None),
            ("Ã", None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }
}
