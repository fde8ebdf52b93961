//! Words for yes and no in spreadsheets and forms, in many languages.

use super::bare::fold_word;

/// Words for yes, folded. Spreadsheets write truth values in their own language.
const YES: &str = "true t yes y 1 on ja j oui si s sim vrai wahr verdadero vero verdadeiro prawda tak taip tiesa да истина ano \
     pravda igaz igen kylla tosi jah jā da evet dogru sant sann sand waar ναι αληθης так є checked enabled selected ok \
     adevarat ведно resnica tacno istina toene patiess ✓ ✔ ☑ ✅ 🗸 x ☒ 1.0 是 はい 예 haan";

/// Words for no, folded.
const NO: &str = "false f no n 0 off nein non nao falsch faux falso falsz fałsz nie ne нет ложь nepravda hamis nem ei epatosi hayir \
     hayır yanlis yanlış nej nei falsk usann usant onwaar nee netiesa ні nu fals neistina oχι οχι ψευδης unchecked disabled не \
     ✗ ✘ ❌ ☐ ✕ ✖ 0.0 否 いいえ 아니요 nepatiess";

/// Marks that mean yes in a column whose empty cells mean no.
const MARKS: [&str; 8] = ["✓", "✔", "☑", "✅", "🗸", "x", "X", "☒"];

/// Whether a bare text is a mark that means yes in a column whose empty cells mean no.
pub fn is_mark(text: &str) -> bool {
    MARKS.contains(&text.trim_end_matches('\u{fe0f}'))
}

/// Reads yes or no. Returns `None` for other words.
pub fn find_boolean(text: &str) -> Option<bool> {
    let word = fold_word(text.trim_end_matches('\u{fe0f}'));
    let has = |words: &str| words.split_ascii_whitespace().any(|known| known == word);
    match (has(YES), has(NO)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_languages() {
        for yes in [
            "Yes",
            "TRUE",
            "1",
            "ja",
            "oui",
            "Sí",
            "WAHR",
            "VRAI",
            "ИСТИНА",
            "✓",
            "✔️",
            "x",
            "X",
            "Да",
            "EVET",
        ] {
            assert_eq!(find_boolean(yes), Some(true), "{yes}");
        }
        for no in [
            "No", "false", "0", "nein", "Não", "FALSCH", "ЛОЖЬ", "✗", "FAŁSZ", "HAYIR", "nie",
        ] {
            assert_eq!(find_boolean(no), Some(false), "{no}");
        }
        for neither in ["maybe", "2", "", "yes no", "-"] {
            assert_eq!(find_boolean(neither), None, "{neither}");
        }
        let yes: Vec<&str> = YES.split_ascii_whitespace().collect();
        assert!(!NO.split_ascii_whitespace().any(|word| yes.contains(&word)));
        assert!(is_mark("✓") && is_mark("x") && !is_mark("yes"));
    }
}
