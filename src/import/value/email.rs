//! Addresses as people copy them: `Ona <ona@example.com>`, `mailto:`, in quotes, several in a cell.

use crate::import::value::cell::{BadCell, CellOutcome};
use crate::text::clean_email;
use serde_json::Value;

/// Reads the address in a bare text. If there are several, the first is used, with a remark.
pub fn read_email(text: &str) -> CellOutcome<String> {
    if let Some(outcome) = read_one(text) {
        return outcome;
    }
    let several = split(text);
    if several.len() > 1
        && several.iter().all(|part| part.contains('@'))
        && let Some(first) = several
            .iter()
            .find_map(|part| read_one(part).and_then(CellOutcome::value))
    {
        let message = format!(
            "found {} addresses in one cell; {first}, the first, is used",
            several.len()
        );
        return CellOutcome::Remark(first, message);
    }
    let reason = clean_email(peel(text)).err();
    CellOutcome::Bad(BadCell::new(reason.unwrap_or_else(|| {
        format!("expected an e-mail address, found \"{text}\"")
    })))
}

/// Reads a text that holds one address. Returns `None` for other texts.
fn read_one(text: &str) -> Option<CellOutcome<String>> {
    let email = clean_email(peel(text)).ok()?;
    Some(match suspicion(&email) {
        Some(remark) => CellOutcome::Remark(email, remark),
        None => CellOutcome::Value(email),
    })
}

/// Removes a name, brackets, quotes, `mailto:` and the punctuation around an address.
fn peel(text: &str) -> &str {
    let mut rest = text.trim();
    if let Some(end) = rest.rfind('>')
        && let Some(start) = rest[..end].rfind('<')
        && !rest[..start].contains('<')
        && rest[end + 1..].trim().is_empty()
    {
        rest = &rest[start + 1..end];
    }
    loop {
        let start = rest.len();
        rest = rest.trim_matches(|character: char| {
            character.is_whitespace() || AROUND.contains(character)
        });
        rest = rest
            .trim_end_matches(['.', ',', ';', ':'])
            .trim_start_matches([',', ';', ':']);
        for scheme in ["mailto:", "email:", "e-mail:", "smtp:"] {
            if rest
                .get(..scheme.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
            {
                rest = &rest[scheme.len()..];
                rest = rest.split('?').next().unwrap_or(rest);
            }
        }
        if rest.len() == start {
            return rest;
        }
    }
}

/// Characters that people put around an address.
const AROUND: &str =
    "\"'`\u{b4}\u{2018}\u{2019}\u{201a}\u{201c}\u{201d}\u{201e}\u{ab}\u{bb}<>()[]{}";

/// Splits a text with several addresses.
fn split(text: &str) -> Vec<String> {
    let as_json = text
        .starts_with('[')
        .then(|| serde_json::from_str::<Vec<Value>>(text).ok())
        .flatten();
    if let Some(items) = as_json {
        return items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect();
    }
    // Names in quotes may hold commas.
    let mut is_quoted = false;
    let mut parts = vec![String::new()];
    for character in text.chars() {
        is_quoted ^= character == '"';
        let cuts = ";,|/\n\r".contains(character) && !is_quoted;
        match parts.last_mut() {
            Some(part) if !cuts => part.push(character),
            _ => parts.push(String::new()),
        }
    }
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    if let [only] = parts.as_slice()
        && !only.contains('<')
    {
        parts = only.split_whitespace().map(str::to_owned).collect();
    }
    parts
        .iter()
        .map(|part| part.trim_matches(':').trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// The domains of the largest providers. A domain that differs by one letter is probably mistyped.
const PROVIDERS: [&str; 28] = [
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "outlook.com",
    "live.com",
    "msn.com",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.fr",
    "yahoo.de",
    "ymail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "web.de",
    "t-online.de",
    "orange.fr",
    "free.fr",
    "mail.com",
    "mail.ru",
    "protonmail.com",
    "proton.me",
];

/// Mistyped ends of domains, each with the right one.
const ENDS: [(&str, &str); 9] = [
    (".con", ".com"),
    (".cmo", ".com"),
    (".ocm", ".com"),
    (".vom", ".com"),
    (".comm", ".com"),
    (".coom", ".com"),
    (".nte", ".net"),
    (".ogr", ".org"),
    (".rog", ".org"),
];

/// Returns a remark about an address that is probably mistyped; `None` if the address looks right.
fn suspicion(email: &str) -> Option<String> {
    let (local, domain) = email.split_once('@')?;
    if PROVIDERS.contains(&domain) {
        return None;
    }
    let end = ENDS
        .iter()
        .find_map(|(wrong, right)| Some(format!("{}{right}", domain.strip_suffix(wrong)?)));
    let near = || {
        // Measuring the distance is slow. The checks before it exclude most providers.
        let is_near = |provider: &&&str| {
            provider.len() >= 8
                && provider.len().abs_diff(domain.len()) <= 1
                && provider.as_bytes().first() == domain.as_bytes().first()
                && strsim::damerau_levenshtein(provider, domain) == 1
        };
        // These domains exist, although they differ from a provider by one letter.
        let exists = [
            "email.com",
            "gmx.com",
            "ymail.com",
            "hotmail.de",
            "hotmail.it",
            "hotmail.es",
            "yahoo.it",
            "yahoo.es",
            "yahoo.ca",
            "yahoo.in",
            "yahoo.co",
            "fmail.com",
        ];
        PROVIDERS
            .iter()
            .find(is_near)
            .filter(|_| !exists.contains(&domain))
            .map(|provider| (*provider).to_owned())
    };
    if let Some(meant) = end.or_else(near) {
        return Some(format!("is {email} mistyped? {local}@{meant} is likelier"));
    }
    if domain.is_ascii() && !domain.contains("xn--") {
        return None;
    }
    let shown = crate::text::show_domain(domain);
    let mixes = shown.split('.').any(|label| {
        let has_latin = label.bytes().any(|byte| byte.is_ascii_alphabetic());
        has_latin
            && label
                .chars()
                .any(|letter| ('\u{370}'..='\u{52f}').contains(&letter))
    });
    mixes.then(|| {
        format!("the domain of {email} mixes letters of two scripts, as only forged ones do")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_in_many_forms() {
        for text in [
            "ona@example.com",
            "Ona <ona@example.com>",
            "\"Petraite, Ona\" <ona@example.com>",
            "'Ona' <ona@example.com>",
            "mailto:ona@example.com",
            "MAILTO:ona@example.com?subject=Hello",
            "<ona@example.com>",
            "<mailto:ona@example.com>",
            "ona@example.com.",
            "ona@example.com;",
            " ONA@EXAMPLE.COM\t",
            "'ona@example.com",
            "“ona@example.com”",
            "(ona@example.com)",
            "ona@example.com\r\n",
        ] {
            assert_eq!(
                read_email(text),
                CellOutcome::Value("ona@example.com".to_owned()),
                "{text}"
            );
        }
        for (text, email) in [
            ("o'na@example.com", "o'na@example.com"),
            ("ona@žuvis.example.com", "ona@xn--uvis-kbb.example.com"),
            ("ona+tag@example.com", "ona+tag@example.com"),
        ] {
            assert_eq!(
                read_email(text),
                CellOutcome::Value(email.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn of_several_the_first_counts() {
        for text in [
            "a@example.com;b@example.com",
            "a@example.com, b@example.com",
            "a@example.com / b@example.com",
            "a@example.com b@example.com",
            "a@example.com ::: b@example.com",
            "Ona <a@example.com>, Jo <b@example.com>",
            "[\"a@example.com\", \"b@example.com\"]",
        ] {
            match read_email(text) {
                CellOutcome::Remark(email, remark) => {
                    assert_eq!(email, "a@example.com", "{text}");
                    assert!(remark.contains("2 addresses"), "{remark}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "ona@example",
            "ona@@example.com",
            "ona @example.com",
            "ona b@example.com",
            "ona(at)example.com",
            "ona@example..com",
            "ona@example,com",
            "Ona",
            "@example.com",
            "a@example.com and others",
            "http://example.com/@ona",
        ] {
            assert!(
                matches!(read_email(text), CellOutcome::Bad(_)),
                "{text}: {:?}",
                read_email(text)
            );
        }
    }

    #[test]
    fn slips_are_remarked() {
        for (text, meant) in [
            ("ona@gmial.com", "ona@gmail.com"),
            ("ona@gmai.com", "ona@gmail.com"),
            ("ona@example.con", "ona@example.com"),
            ("ona@hotmial.com", "ona@hotmail.com"),
        ] {
            match read_email(text) {
                CellOutcome::Remark(email, remark) => {
                    assert_eq!(email, text);
                    assert!(remark.contains(meant), "{remark}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(matches!(
            read_email("ona29@exаmple.com"),
            CellOutcome::Remark(..)
        ));
        for right in ["a@email.com", "a@mail.com", "a@gmx.com", "a@žuvis.lt"] {
            assert!(
                matches!(read_email(right), CellOutcome::Value(_)),
                "{right}"
            );
        }
    }
}
