//! Removes what surrounds a value in a cell, and recognises words that mean no value.

use crate::text::normalize;
use std::borrow::Cow;

/// Returns a cell without what spreadsheets and exports put around its value: blanks, invisible characters, NUL characters,
/// `="0600"`, and the apostrophe that keeps a spreadsheet from reading a number.
pub fn bare(cell: &str) -> Cow<'_, str> {
    let visible = match normalize(cell) {
        Cow::Borrowed(_) => Cow::Borrowed(undress(cell)),
        Cow::Owned(text) => Cow::Owned(undress(&text).to_owned()),
    };
    match visible.contains('\0') {
        true => Cow::Owned(undress(&visible.replace('\0', "")).to_owned()),
        false => visible,
    }
}

fn undress(text: &str) -> &str {
    let text = text.trim();
    let formula = text
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = formula.filter(|inner| !inner.contains('"')) {
        return inner.trim();
    }
    match text.strip_prefix('\'') {
        Some(rest) if begins_number(rest) => rest.trim(),
        _ => text,
    }
}

/// Whether a spreadsheet would read the text as a number or a formula. An apostrophe before such a text marks it as
/// text; in `'t Hooft` it is a letter.
fn begins_number(text: &str) -> bool {
    text.starts_with(|character: char| character.is_ascii_digit() || "+-=@(#".contains(character))
}

/// Words that mean no value in every column, in exactly this spelling: Null, Nan and Nil are names of people.
const NOTHING: [&str; 26] = [
    "NULL",
    "null",
    "(null)",
    "<null>",
    "[null]",
    "\\N",
    "N/A",
    "n/a",
    "N/a",
    "#N/A",
    "#N/A N/A",
    "NaN",
    "nan",
    "<NA>",
    "<nil>",
    "undefined",
    "(none)",
    "(empty)",
    "(blank)",
    "(not set)",
    "-",
    "--",
    "---",
    "\u{2013}",
    "\u{2014}",
    "#NULL!",
];

/// Words that mean no value in columns where such a text cannot be a value, in lower case.
const NOTHING_TYPED: [&str; 24] = [
    "none",
    "nil",
    "na",
    "n.a.",
    "nul",
    "nat",
    "empty",
    "blank",
    "unknown",
    "not set",
    "not specified",
    "not available",
    "missing",
    "?",
    "??",
    ".",
    "/",
    "*",
    "_",
    "k.a.",
    "keine angabe",
    "unbekannt",
    "inconnu",
    "desconocido",
];

/// Whether a bare text is empty or means no value.
pub fn is_nothing(text: &str) -> bool {
    text.is_empty() || NOTHING.contains(&text)
}

/// Whether a bare text means no value in a column of numbers, days, codes or addresses, in which such words have no
/// other meaning.
pub fn is_nothing_typed(text: &str) -> bool {
    is_nothing(text)
        || text.len() <= 16
            && NOTHING_TYPED
                .iter()
                .chain(&NOTHING)
                .any(|word| word.eq_ignore_ascii_case(text))
}

/// The texts that a spreadsheet shows in place of a value that it could not compute.
const ERRORS: [&str; 13] = [
    "#ERROR!", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#SPILL!", "#CALC!", "#WERT!",
    "#BEZUG!", "#VALEUR!", "#NOMBRE?", "#VALOR!",
];

/// Whether a bare text is an error of a spreadsheet, or the `###` of a column that was too narrow for its number.
pub fn is_spreadsheet_error(text: &str) -> bool {
    text.starts_with('#')
        && (ERRORS.contains(&text) || text.len() > 2 && text.bytes().all(|byte| byte == b'#'))
}

/// Whether a bare text is a long number of which a spreadsheet kept only the first digits: `3.7E+11`.
pub fn is_cut_number(text: &str) -> bool {
    let Some((digits, exponent)) = text.split_once("E+").or_else(|| text.split_once("e+")) else {
        return false;
    };
    let digits = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let (whole, decimals) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() == 1
        && are_digits(whole)
        && are_digits(decimals)
        && (1..=3).contains(&exponent.len())
        && are_digits(exponent)
}

/// Returns a text in the form in which words are compared: in lower case and without accents.
pub fn fold_word(text: &str) -> String {
    const NFD: icu_normalizer::DecomposingNormalizerBorrowed<'static> =
        icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
    let lower = text.to_lowercase();
    if lower.is_ascii() {
        return lower;
    }
    let decomposed = NFD.normalize(&lower);
    let plain: String = decomposed
        .chars()
        .filter(|character| !('\u{300}'..='\u{36f}').contains(character))
        .collect();
    normalize(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_value_is_taken_away() {
        for (cell, value) in [
            ("  Ona\u{a0}", "Ona"),
            ("=\"0600\"", "0600"),
            ("=\"0600", "=\"0600"),
            ("'01103", "01103"),
            ("'+37060000000", "+37060000000"),
            ("'t Hooft", "'t Hooft"),
            ("O\0na", "Ona"),
            ("\0\0\0", ""),
            ("\u{feff}\u{200b} x \u{200b}", "x"),
        ] {
            assert_eq!(bare(cell), value, "{cell:?}");
        }
    }

    #[test]
    fn words_for_nothing_are_not_names() {
        for word in ["", "NULL", "\\N", "n/a", "NaN", "-", "#N/A"] {
            assert!(is_nothing(word) && is_nothing_typed(word), "{word}");
        }
        for name in ["Null", "Nan", "Nil", "Na", "None", "Unknown"] {
            assert!(!is_nothing(name), "{name}");
            assert!(is_nothing_typed(name), "{name}");
        }
        assert!(!is_nothing_typed("Ona"));
    }

    #[test]
    fn what_spreadsheets_spoil_is_known() {
        for cut in ["3.7E+11", "3,70601E+11", "1E+10", "-2.5e+7"] {
            assert!(is_cut_number(cut), "{cut}");
        }
        for kept in ["37060", "E+11", "3.7E11", "12.5E+3", "3.7E+", "A1E+2"] {
            assert!(!is_cut_number(kept), "{kept}");
        }
        for error in ["#ERROR!", "#REF!", "########"] {
            assert!(is_spreadsheet_error(error), "{error}");
        }
        assert!(!is_spreadsheet_error("#1050"));
    }

    #[test]
    fn words_fold() {
        assert_eq!(fold_word("März"), "marz");
        assert_eq!(fold_word("Żółw"), "zołw");
        assert_eq!(fold_word("ИЮНЬ"), "июнь");
    }
}
