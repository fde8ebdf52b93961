//! Finds e-mail addresses in texts. An address that is only a part of a longer one does not count.

use crate::error::Error;
use crate::text::{normalize, show_email};
use aho_corasick::AhoCorasick;

/// Addresses to find, in every form in which a text may have them.
pub struct Mentioned {
    /// The addresses as they are stored and as they are shown.
    forms: AhoCorasick,
    /// The longest part that is the same in all forms of the address. It is empty for several addresses.
    needle: String,
}

impl Mentioned {
    /// Prepares the search for stored addresses.
    ///
    /// # Errors
    /// [`Error::Internal`] if there are too many addresses for one search.
    pub fn any<'e>(emails: impl Iterator<Item = &'e str>) -> Result<Mentioned, Error> {
        let emails: Vec<&str> = emails.collect();
        let needle = match emails.as_slice() {
            [email] => needle_of(email),
            _ => String::new(),
        };
        let mut forms: Vec<String> = emails.iter().map(|email| (*email).to_owned()).collect();
        let shown = emails.iter().map(|email| show_email(email).into_owned());
        forms.extend(shown);
        let forms = AhoCorasick::new(forms).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Mentioned { forms, needle })
    }

    /// Returns a part that every text with the address has, if the text is in lower case and has no invisible
    /// characters. It is empty for several addresses.
    pub fn needle(&self) -> &str {
        &self.needle
    }

    /// Whether a text mentions one of the addresses.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let text = normalize(&text);
        let mut found = self.forms.find_overlapping_iter(text.as_ref());
        found.any(|found| {
            !continues_before(&text[..found.start()]) && !continues_after(&text[found.end()..])
        })
    }
}

/// Returns the longest part of an address that is the same in all forms.
fn needle_of(email: &str) -> String {
    // Letters beyond ASCII have several forms, and so have the labels of a domain that encode them.
    let parts = email
        .split(['@', '.'])
        .filter(|part| !part.starts_with("xn--"));
    let parts = parts.flat_map(|part| part.split(|letter: char| !letter.is_ascii()));
    let longest = parts.max_by_key(|part| part.len());
    longest.unwrap_or_default().to_owned()
}

/// Characters that join two parts of an address. `/`, `=` and `|` could too, but nearly always separate addresses.
const JOINTS: &str = "._+-'&%!#$*^~`";

/// Whether the address after this text is the end of a longer address, as after `mari` or `o'`.
fn continues_before(text: &str) -> bool {
    let mut before = text.chars().rev();
    let letter = before.find(|letter| !JOINTS.contains(*letter));
    letter.is_some_and(char::is_alphanumeric)
}

/// Whether an address that ends before this text continues in it, as `a@example.com` does in `.au`.
fn continues_after(text: &str) -> bool {
    let mut after = text.chars();
    match after.next() {
        Some('.' | '-' | '_') => after.next().is_some_and(char::is_alphanumeric),
        Some(letter) => letter.is_alphanumeric(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_alone_and_not_within_a_longer_one() {
        let address = Mentioned::any(["a@example.com"].into_iter()).expect("few addresses");
        for text in [
            "a@example.com",
            "A@Example.COM is bounced",
            "found \"a@example.com\"",
            "'a@example.com'",
            "<a@example.com>",
            "Ona <a@example.com>, Jon",
            "mailto:a@example.com",
            "email=a@example.com",
            "b@example.com;a@example.com",
            "b@example.com/a@example.com",
            "It is a@example.com.",
            "a@example.com, maria@example.com",
            "maria@example.com and a@example.com",
            "a\u{200b}@example.com",
            "a@example.com@example.org",
            "[\"a@example.com\", \"x\"]",
            "a@example.com-",
        ] {
            assert!(address.is_in(text), "{text}");
            let searched = normalize(&text.to_lowercase()).into_owned();
            assert!(searched.contains(address.needle()), "{text}");
        }
        for text in [
            "maria@example.com",
            "MARIA@EXAMPLE.COM",
            "x.a@example.com",
            "x+a@example.com",
            "x-a@example.com",
            "x_a@example.com",
            "o'a@example.com",
            "ńa@example.com",
            "a@example.community",
            "a@example.com.au",
            "a@example.com-host.org",
            "a@sub.example.com",
            "a.b@example.com",
            "",
        ] {
            assert!(!address.is_in(text), "{text}");
        }
    }

    #[test]
    fn an_address_is_found_in_every_form() {
        for (stored, texts) in [
            (
                "josé@example.com",
                vec![
                    "JOSE\u{301}@example.com",
                    "JOSÉ@Example.com",
                    "josé@example.com",
                ],
            ),
            (
                "user@xn--mnchen-3ya.de",
                vec![
                    "user@München.de",
                    "USER@xn--mnchen-3ya.DE",
                    "user@mu\u{308}nchen.de",
                ],
            ),
            ("é@xn--4ca.ü", vec!["É@xn--4ca.Ü"]),
        ] {
            let address = Mentioned::any([stored].into_iter()).expect("few addresses");
            for text in texts {
                assert!(address.is_in(text), "{text}");
                assert!(text.to_lowercase().contains(address.needle()), "{text}");
            }
        }
    }
}
