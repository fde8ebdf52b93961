//! The words of a column's name, so that `Opt-In Time`, `opt_in_time` and `optInTime` are read alike.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Returns the words of a name, in lower case and without accents. A word ends at a character that is no letter or
/// digit, and before a capital letter that follows a small one.
pub fn words_of(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_small = false;
    for character in name.chars() {
        if !character.is_alphanumeric() && !is_mark(character) {
            was_small = false;
            push(&mut words, &mut word);
            continue;
        }
        if was_small && character.is_uppercase() {
            push(&mut words, &mut word);
        }
        was_small = character.is_lowercase();
        word.push(character);
    }
    push(&mut words, &mut word);
    words
}

fn push(words: &mut Vec<String>, word: &mut String) {
    let folded = fold_word(word);
    if !folded.is_empty() {
        words.push(folded);
    }
    word.clear();
}

/// Returns a word in lower case and without accents.
fn fold_word(word: &str) -> String {
    const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
    let lower = word.to_lowercase();
    if lower.is_ascii() {
        return lower;
    }
    let mut folded = String::with_capacity(lower.len());
    for character in NFD.normalize(&lower).chars() {
        match character {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            mark if is_mark(mark) => {}
            other => folded.push(other),
        }
    }
    folded
}

/// Whether a character is an accent on the character before.
fn is_mark(character: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&character)
}

/// Returns the name as one word: `First Name`, `first_name` and `firstName` are the same.
pub fn fold(name: &str) -> String {
    words_of(name).concat()
}

/// Whether the name of a column is only its number, because the file has no header or an empty cell in it.
pub fn is_made_up(name: &str) -> bool {
    let number = name.strip_prefix("column ");
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Whether a phrase such as `opt out` or `unsubscri*` is among the words. A `*` matches any end of a word.
pub fn has_phrase(words: &[String], phrase: &str) -> bool {
    let parts: Vec<&str> = phrase.split(' ').collect();
    words.windows(parts.len()).any(|window| {
        let mut pairs = window.iter().zip(&parts);
        pairs.all(|(word, part)| match part.strip_suffix('*') {
            Some(start) => word.starts_with(start),
            None => word == part,
        })
    })
}

/// Whether the words contain any of the phrases.
pub fn has_any(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| has_phrase(words, phrase))
}

/// Whether the name in an option means a column: by the column's name, or by its place as `#3`.
pub fn is_column(said: &str, name: &str, position: usize) -> bool {
    let said = said.trim();
    said == name.trim()
        || said
            .strip_prefix('#')
            .is_some_and(|number| number.parse() == Ok(position + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, words) in [
            ("Opt-In Time", "opt in time"),
            ("OPTIN_TIME", "optin time"),
            ("doNotEmail", "do not email"),
            ("HasOptedOutOfEmail", "has opted out of email"),
            ("Désinscrit le", "desinscrit le"),
            ("Straße", "strasse"),
            ("De\u{301}sabonné", "desabonne"),
            ("Отписан", "отписан"),
            ("State / Region", "state region"),
            ("  ", ""),
        ] {
            assert_eq!(words_of(name).join(" "), words, "{name}");
        }
        assert_eq!(fold("E-Mail"), "email");
        assert_eq!(fold("eMail"), "email");
    }

    #[test]
    fn phrases_end_with_words() {
        let words = words_of("Date unsubscribed from all e-mail");
        assert!(has_phrase(&words, "unsubscri*"));
        assert!(has_phrase(&words, "from all"));
        assert!(!has_phrase(&words, "subscri*"));
        assert!(!has_phrase(&words, "all mail"));
    }
}
