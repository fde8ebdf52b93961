//! E-mail addresses. The domain is stored in its ASCII form, which mail servers use, and shown in Unicode.

use super::normalize;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;

/// The longest address that SMTP can carry in a path, RFC 5321 section 4.5.3.1.3 without its brackets.
const MAX_EMAIL: usize = 254;

/// The prefix of a label of a domain that encodes Unicode.
const ENCODED: &str = "xn--";

/// Returns an address as it is stored: in lower case, NFC, without invisible characters, its domain in ASCII.
///
/// The check finds typing mistakes and does not follow RFC 5322: one `@`, something before it, a domain with a dot
/// after it.
///
/// # Errors
/// Fails if the text cannot be an e-mail address.
pub fn clean_email(text: &str) -> Result<String, String> {
    let email = fold(text);
    let refused = |reason: &str| {
        Err(format!(
            "expected an e-mail address, found \"{email}\": {reason}"
        ))
    };
    if email.is_empty() {
        return Err("expected an e-mail address, found an empty text".to_owned());
    }
    // No character takes more than four times as many bytes in Unicode as in its ASCII form.
    if email.len() > 4 * MAX_EMAIL {
        return Err(too_long(email.len()));
    }
    let Some((local, domain)) = email.split_once('@') else {
        return refused("it has no @");
    };
    if domain.contains('@') {
        return refused("it has more than one @");
    }
    if local.is_empty() {
        return refused("nothing is before the @");
    }
    if email.chars().any(|character| {
        character.is_whitespace()
            || character.is_control()
            || is_selector(character)
            || "<>(),;:\"\\[]".contains(character)
    }) {
        return refused("it holds a character that an address cannot have");
    }
    let Some(domain) = to_ascii(domain) else {
        return refused("its domain cannot be written in ASCII (IDNA)");
    };
    if domain.split('.').count() < 2 || domain.split('.').any(str::is_empty) {
        return refused("its domain is not complete");
    }
    let length = local.len() + 1 + domain.len();
    if length > MAX_EMAIL {
        return Err(too_long(length));
    }
    Ok(format!("{local}@{domain}"))
}

/// Returns whether a character only changes how the one before it looks: addresses with and without it look the same.
fn is_selector(character: char) -> bool {
    matches!(character, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

fn too_long(length: usize) -> String {
    format!("expected an e-mail address of at most {MAX_EMAIL} bytes, found {length}")
}

/// Returns the text to search for: the stored form of an address, or the folded text if it cannot be an address.
pub fn find_email(text: &str) -> String {
    clean_email(text).unwrap_or_else(|_| fold(text))
}

/// Returns a stored address as it is shown, with its domain in Unicode.
pub fn show_email(email: &str) -> Cow<'_, str> {
    match email.rsplit_once('@') {
        Some((local, domain)) => match show_domain(domain) {
            Cow::Owned(shown) => Cow::Owned(format!("{local}@{shown}")),
            Cow::Borrowed(_) => Cow::Borrowed(email),
        },
        None => Cow::Borrowed(email),
    }
}

/// Returns a stored domain as it is shown: in Unicode, unless reading that back would give another domain.
pub fn show_domain(domain: &str) -> Cow<'_, str> {
    if !domain.contains(ENCODED) {
        return Cow::Borrowed(domain);
    }
    let bytes = domain.as_bytes();
    match Uts46::new().to_unicode(bytes, AsciiDenyList::EMPTY, Hyphens::Allow) {
        (shown, Ok(())) if to_ascii(&shown).as_deref() == Some(domain) => {
            Cow::Owned(shown.into_owned())
        }
        _ => Cow::Borrowed(domain),
    }
}

/// Trims, folds letter case, and normalizes. Lower case comes first, since it can undo NFC.
fn fold(text: &str) -> String {
    normalize(&text.to_lowercase()).trim().to_owned()
}

/// Returns the ASCII form of a domain in lower case, or `None` if it has none.
fn to_ascii(domain: &str) -> Option<Cow<'_, str>> {
    if domain.is_ascii() && !domain.contains(ENCODED) {
        return Some(Cow::Borrowed(domain));
    }
    let bytes = domain.as_bytes();
    let uts46 = Uts46::new();
    let ascii = uts46.to_ascii(bytes, AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore);
    ascii.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (raw, stored) in [
            ("  Ona.Petraitė@Example.LT ", "ona.petraitė@example.lt"),
            ("Jose\u{301}@example.com", "josé@example.com"),
            ("JOSE\u{301}@example.com", "josé@example.com"),
            ("user@München.de", "user@xn--mnchen-3ya.de"),
            ("user@mu\u{308}nchen.de", "user@xn--mnchen-3ya.de"),
            ("USER@XN--MNCHEN-3YA.DE", "user@xn--mnchen-3ya.de"),
            ("user@faß.de", "user@xn--fa-hia.de"),
            ("user@例え。jp", "user@xn--r8jz45g.jp"),
            (
                "\u{feff}a\u{200b}@exam\u{ad}ple.com\u{202e}",
                "a@example.com",
            ),
            (
                "under_score@some_host.example",
                "under_score@some_host.example",
            ),
        ] {
            let cleaned = clean_email(raw).expect("an address");
            assert_eq!(cleaned, stored, "{raw}");
            assert_eq!(clean_email(&cleaned), Ok(cleaned.clone()), "{raw}");
            let shown = show_email(&cleaned).into_owned();
            assert_eq!(clean_email(&shown), Ok(cleaned), "{raw}");
        }
        assert_eq!(show_email("user@xn--mnchen-3ya.de"), "user@münchen.de");
        assert_eq!(show_domain("xn--mnchen-3ya.de"), "münchen.de");
        assert_eq!(show_email("xn--a@example.com"), "xn--a@example.com");
    }

    #[test]
    fn slips_are_refused() {
        let long = format!("a@{}.de", "ü".repeat(260));
        for wrong in [
            "",
            "ona",
            "@example.lt",
            "ona@",
            "ona@example",
            "o@n@a.lt",
            "o na@example.lt",
            "ona@.lt",
            "ona@example..lt",
            "<ona@example.lt>",
            "ona@example.lt,jon@example.lt",
            "\u{200b}@example.lt",
            "\u{2066}\u{3164}@example.lt",
            "ona\u{fe0f}@example.lt",
            "ona\u{e0041}@example.lt",
            "ona@\u{200b}.lt",
            "ona@xn--a.lt",
            "ona@xn--\u{fc}.lt",
            long.as_str(),
        ] {
            assert!(clean_email(wrong).is_err(), "{wrong}");
        }
    }
}
