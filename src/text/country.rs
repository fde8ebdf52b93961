//! Country codes.

use super::{clean, normalize};
use icu_normalizer::DecomposingNormalizerBorrowed;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The codes of ISO 3166-1 alpha-2, in order, and XK: Kosovo has no code there, and XK is in common use.
const CODES: [&str; 250] = [
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS",
    "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI",
    "VN", "VU", "WF", "WS", "XK", "YE", "YT", "ZA", "ZM", "ZW",
];

/// Codes that are used beside the standard, each with its standard code: the European Union writes EL and UK.
const ALIASES: [(&str, &str); 2] = [("EL", "GR"), ("UK", "GB")];

/// Returns the code of a country: ISO 3166-1 alpha-2 in upper case. `UK` becomes `GB`. Returns `None` for an empty
/// text.
///
/// # Errors
/// Fails if no country has this code.
pub fn clean_country(text: &str) -> Result<Option<String>, String> {
    let Some(text) = clean(text) else {
        return Ok(None);
    };
    let code = text.to_ascii_uppercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == code);
    let code = alias.map_or(code.as_str(), |(_, code)| code);
    if CODES.binary_search(&code).is_ok() {
        return Ok(Some(code.to_owned()));
    }
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    Err(if is_code {
        format!(
            "expected a country code of ISO 3166-1 such as \"LT\", found \"{text}\", which no country has"
        )
    } else {
        format!("expected a country code of two letters such as \"LT\", found \"{text}\"")
    })
}

/// A line for each country: its codes of two letters, of three letters and of digits, and its names.
const COUNTRIES: &str = include_str!("countries.tsv");

/// Folded names that are added to those of CLDR: names of ISO 3166, former names, and names of parts of a country.
const OTHER_NAMES: [(&str, &str); 75] = [
    ("america", "US"),
    ("unitedstatesofamerica", "US"),
    ("usofa", "US"),
    ("estadosunidosdeamerica", "US"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northernireland", "GB"),
    ("greatbritain", "GB"),
    ("britain", "GB"),
    ("grossbritannien", "GB"),
    ("großbritannien", "GB"),
    ("grandebretagne", "GB"),
    ("granbretana", "GB"),
    ("granbretagna", "GB"),
    ("angleterre", "GB"),
    ("inglaterra", "GB"),
    ("inghilterra", "GB"),
    ("unitedkingdomofgreatbritainandnorthernireland", "GB"),
    ("republicofireland", "IE"),
    ("eire", "IE"),
    ("holland", "NL"),
    ("hollande", "NL"),
    ("holanda", "NL"),
    ("olanda", "NL"),
    ("bundesrepublikdeutschland", "DE"),
    ("brd", "DE"),
    ("czechrepublic", "CZ"),
    ("slovakrepublic", "SK"),
    ("russianfederation", "RU"),
    ("vietnam", "VN"),
    ("turkiye", "TR"),
    ("turkey", "TR"),
    ("burma", "MM"),
    ("ivorycoast", "CI"),
    ("capeverde", "CV"),
    ("swaziland", "SZ"),
    ("easttimor", "TL"),
    ("macedonia", "MK"),
    ("republicofmacedonia", "MK"),
    ("macedoniatheformeryugoslavrepublicof", "MK"),
    ("republicofnorthmacedonia", "MK"),
    ("korearepublicof", "KR"),
    ("republicofkorea", "KR"),
    ("koreasouth", "KR"),
    ("koreanorth", "KP"),
    ("korea", "KR"),
    ("koreademocraticpeoplesrepublicof", "KP"),
    ("democraticpeoplesrepublicofkorea", "KP"),
    ("iranislamicrepublicof", "IR"),
    ("islamicrepublicofiran", "IR"),
    ("moldovarepublicof", "MD"),
    ("republicofmoldova", "MD"),
    ("tanzaniaunitedrepublicof", "TZ"),
    ("unitedrepublicoftanzania", "TZ"),
    ("boliviaplurinationalstateof", "BO"),
    ("venezuelabolivarianrepublicof", "VE"),
    ("micronesiafederatedstatesof", "FM"),
    ("taiwanprovinceofchina", "TW"),
    ("taiwanrepublicofchina", "TW"),
    ("palestinestateof", "PS"),
    ("palestinianterritoryoccupied", "PS"),
    ("palestine", "PS"),
    ("congothedemocraticrepublicofthe", "CD"),
    ("congodemocraticrepublicofthe", "CD"),
    ("democraticrepublicofthecongo", "CD"),
    ("congo", "CG"),
    ("holyseevaticancitystate", "VA"),
    ("holysee", "VA"),
    ("laopeoplesdemocraticrepublic", "LA"),
    ("syrianarabrepublic", "SY"),
    ("bruneidarussalam", "BN"),
    ("peoplesrepublicofchina", "CN"),
    ("hongkongsarchina", "HK"),
    ("virginislandsus", "VI"),
];

/// Finds the code of a country by its name in one of a hundred languages, or by its code of two letters, of three
/// letters or of digits.
pub fn find_country(text: &str) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(read_names);
    // Most files write the code like this.
    if let Ok(place) = CODES.binary_search(&text) {
        return Some(CODES[place]);
    }
    let folded = fold_name(text);
    let code = folded.to_uppercase();
    let code = ALIASES
        .iter()
        .find(|(alias, _)| *alias == code)
        .map_or(code.as_str(), |(_, code)| code);
    if let Ok(place) = CODES.binary_search(&code) {
        return Some(CODES[place]);
    }
    let article = folded.strip_prefix("the").or(folded.strip_suffix("the"));
    let plain = |name: &str| name.replace("and", "");
    NAMES
        .get(&folded)
        .or_else(|| NAMES.get(article?))
        .or_else(|| NAMES.get(&plain(&folded)))
        .copied()
}

/// Returns every name and code of [`COUNTRIES`], folded.
fn read_names() -> HashMap<String, &'static str> {
    let mut names = HashMap::new();
    for line in COUNTRIES.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let Some(code) = cells.next() else {
            continue;
        };
        let codes = cells
            .by_ref()
            .take(2)
            .map(str::to_lowercase)
            .filter(|code| code != "-");
        for code_of_three in codes {
            // Spreadsheets cut off the zero of 056.
            names.insert(code_of_three.trim_start_matches('0').to_owned(), code);
            names.insert(code_of_three, code);
        }
        for name in cells.next().unwrap_or_default().split('|') {
            names.entry(fold_name(name)).or_insert(code);
        }
    }
    names.extend(OTHER_NAMES.map(|(name, code)| (name.to_owned(), code)));
    names
}

/// Makes "Côte d'Ivoire" and "cote d’ivoire" equal, and "Bosnia & Herzegovina" and "Bosnia-Herzegovina".
fn fold_name(name: &str) -> String {
    const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
    let visible = normalize(name).to_lowercase();
    let parts = |character: char| {
        character.is_whitespace()
            || character.is_ascii_punctuation()
            || "\u{2018}\u{2019}\u{b4}\u{2013}\u{2014}\u{b7}\u{60c}".contains(character)
    };
    let folded: String = NFD
        .normalize(&visible)
        .chars()
        .filter(|character| !('\u{300}'..='\u{36f}').contains(character) && !parts(*character))
        .collect();
    normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_countries_that_exist_have_codes() {
        assert!(CODES.is_sorted());
        for (raw, stored) in [
            (" lt ", "LT"),
            ("UK", "GB"),
            ("uk", "GB"),
            ("el", "GR"),
            ("xk", "XK"),
            ("\u{feff}De", "DE"),
        ] {
            assert_eq!(clean_country(raw), Ok(Some(stored.to_owned())), "{raw}");
        }
        for wrong in ["ZZ", "XX", "AA", "EU", "SU", "Lithuania", "DEU", "D", "1T"] {
            assert!(clean_country(wrong).is_err(), "{wrong}");
        }
        assert_eq!(clean_country(" \u{200b}"), Ok(None));
    }

    #[test]
    fn countries_are_found_by_any_name() {
        for (name, code) in [
            ("Lithuania", "LT"),
            ("lt", "LT"),
            ("LTU", "LT"),
            ("USA", "US"),
            ("U.S.A.", "US"),
            ("United States", "US"),
            ("United States of America", "US"),
            ("UK", "GB"),
            ("England", "GB"),
            ("Deutschland", "DE"),
            ("Allemagne", "DE"),
            ("Vokietija", "DE"),
            ("Германия", "DE"),
            ("ドイツ", "DE"),
            ("Czechia", "CZ"),
            ("Czech Republic", "CZ"),
            ("Korea, Republic of", "KR"),
            ("Côte d'Ivoire", "CI"),
            ("Cote d’Ivoire", "CI"),
            ("Ivory Coast", "CI"),
            ("XK", "XK"),
            ("Kosovo", "XK"),
            ("The Netherlands", "NL"),
            ("Netherlands, The", "NL"),
            ("Österreich", "AT"),
            ("Osterreich", "AT"),
            ("Bosnia and Herzegovina", "BA"),
            ("Bosnia & Herzegovina", "BA"),
            ("440", "LT"),
            ("056", "BE"),
            ("56", "BE"),
            ("Türkiye", "TR"),
        ] {
            assert_eq!(find_country(name), Some(code), "{name}");
        }
        for wrong in ["ZZ", "EN", "EU", "Vilnius", "TX", "", "999", "Europe"] {
            assert_eq!(find_country(wrong), None, "{wrong}");
        }
        for code in CODES {
            let line = COUNTRIES.lines().find(|line| line.starts_with(code));
            assert!(
                line.is_some_and(|line| line.split('\t').count() == 4),
                "{code}"
            );
        }
    }
}
