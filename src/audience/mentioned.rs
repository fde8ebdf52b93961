//! Looking for an address in texts: it, and not a longer address of which it is a part.

use crate::text::{normalize, show_email};

/// An address to look for, in every form that a text may have it in.
pub struct Mentioned {
    /// As it is stored and as it is shown, where that differs.
    forms: Vec<String>,
    /// The longest part of it that is the same in all forms.
    needle: String,
}

impl Mentioned {
    /// Prepares the search for a stored address.
    pub fn new(email: &str) -> Mentioned {
        let shown = show_email(email).into_owned();
        let mut forms = vec![email.to_owned()];
        if shown != email {
            forms.push(shown);
        }
        // Letters beyond ASCII are written in several ways, and so are labels of a domain that stand for such.
        let parts = email
            .split(['@', '.'])
            .filter(|part| !part.starts_with("xn--"));
        let parts = parts.flat_map(|part| part.split(|letter: char| !letter.is_ascii()));
        let longest = parts.max_by_key(|part| part.len());
        Mentioned {
            needle: longest.unwrap_or_default().to_owned(),
            forms,
        }
    }

    /// Returns a part that every text with the address holds, once it is in lower case and has no invisible characters.
    pub fn needle(&self) -> &str {
        &self.needle
    }

    /// Whether a text mentions the address.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let text = normalize(&text);
        self.forms.iter().any(|form| {
            let mut found = text.match_indices(form.as_str());
            found.any(|(start, _)| {
                !continues_before(&text[..start]) && !continues_after(&text[start + form.len()..])
            })
        })
    }
}

/// Marks that join two parts of an address. `/`, `=` and `|` could too, but nearly always stand between addresses.
const JOINTS: &str = "._+-'&%!#$*^~`";

/// Whether the address after this text is the end of a longer one, as after `mari` or `o'`.
fn continues_before(text: &str) -> bool {
    let mut before = text.chars().rev();
    let letter = before.find(|letter| !JOINTS.contains(*letter));
    letter.is_some_and(char::is_alphanumeric)
}

/// Whether an address that ends before this text goes on in it: `.au` after `a@example.com`.
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
        let address = Mentioned::new("a@example.com");
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
            let address = Mentioned::new(stored);
            for text in texts {
                assert!(address.is_in(text), "{text}");
                assert!(text.to_lowercase().contains(address.needle()), "{text}");
            }
        }
    }
}
