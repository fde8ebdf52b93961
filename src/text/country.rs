//! Country codes.

use super::clean;

/// The codes of ISO 3166-1 alpha-2, in order, and XK: Kosovo has none there, and everybody uses this one.
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

/// Codes that are in use beside the standard, and what they mean there: the European Union writes EL and UK.
const ALIASES: [(&str, &str); 2] = [("EL", "GR"), ("UK", "GB")];

/// Returns the code of a country: ISO 3166-1 alpha-2 in upper case. `UK` becomes `GB`.
///
/// # Errors
/// If no country has that code.
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
}
