//! Numbers as people write them: with a currency, a percent sign, and groups of digits.

/// The decimal separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// A point, as in 1,234.5.
    Point,
    /// A comma, as in 1.234,5.
    Comma,
}

/// The outcome of reading a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The number as programs write it (digits, a point, an exponent), and the decimal separator if the text proves it.
    Number(String, Option<Decimal>),
    /// A comma or point that may separate decimals or groups: 1,234.
    EitherDecimal,
    /// Something else.
    Unknown,
}

/// Separators of groups of digits besides a point and a comma: apostrophes, the underscore, and blanks that do and do
/// not break a line.
const BETWEEN: [char; 7] = ['\'', '\u{2019}', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '_'];

/// Codes of ISO 4217 that occur with numbers, and words for currencies.
const CURRENCIES: &str = "USD EUR GBP JPY CHF CAD AUD NZD CNY RMB INR BRL MXN RUB UAH PLN CZK HUF RON BGN SEK NOK DKK ISK TRY ILS ZAR KRW \
     SGD HKD TWD THB IDR MYR PHP VND AED SAR QAR KWD BHD OMR EGP NGN KES GHS MAD TND ARS CLP COP PEN UYU BYN GEL AMD AZN \
     KZT RSD HRK BAM MKD ALL MDL BDT PKR LKR NPR LTL LVL EEK US C A R KR. KR ZŁ KČ FT LEI ЛВ РУБ РУБ. Р. Р ГРН ГРН. DIN. DH EURO EUROS \
     DOLLARS RS RS. FR. SFR. TL";

/// Signs of currencies, and the percent sign.
const SYMBOLS: &str = "$€£¥₽₴₹₺₩₪₫₦₱₡₲₵₸₼₾฿¢%元円";

/// Reads a number. If the decimal separator is not given, only forms with one meaning are read.
pub fn read_written(text: &str, decimal: Option<Decimal>) -> Written {
    let Some((sign, core)) = undress(text) else {
        return Written::Unknown;
    };
    match read_core(core, decimal) {
        Written::Number(number, proof) if sign => Written::Number(format!("-{number}"), proof),
        other => other,
    }
}

/// Removes the sign, brackets, a currency and a percent sign. Returns whether the number is negative, and the rest.
fn undress(text: &str) -> Option<(bool, &str)> {
    let mut rest = text.trim();
    let mut is_negative = false;
    let mut has_sign = false;
    if let Some(inner) = rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        (rest, is_negative, has_sign) = (inner.trim(), true, true);
    }
    // Sign and currency may be in either order before the digits, and after them.
    for _ in 0..4 {
        let start = rest.len();
        // "12,-" means that there are no cents.
        let whole = [",--", ",-", ".-"]
            .into_iter()
            .find_map(|cents| rest.strip_suffix(cents));
        rest = whole.unwrap_or(rest);
        let signed = rest
            .strip_prefix(['-', '\u{2212}', '+'])
            .map(|inner| (inner, !rest.starts_with('+')));
        let signed = signed.or_else(|| {
            rest.strip_suffix(['-', '\u{2212}'])
                .map(|inner| (inner, true))
        });
        if let Some((inner, minus)) = signed {
            if has_sign {
                return None;
            }
            (rest, is_negative, has_sign) = (inner.trim(), minus, true);
        }
        rest = strip_unit(rest);
        if rest.len() == start {
            break;
        }
    }
    rest.starts_with(|character: char| character.is_ascii_digit() || ".,".contains(character))
        .then_some((is_negative, rest))
}

/// Removes a currency or a percent sign from either end.
fn strip_unit(text: &str) -> &str {
    let is_symbol = |character: char| SYMBOLS.contains(character);
    if let Some(rest) = text
        .strip_prefix(is_symbol)
        .or_else(|| text.strip_suffix(is_symbol))
    {
        return rest.trim();
    }
    let is_digit =
        |character: char| character.is_ascii_digit() || ",.-\u{2212}'(".contains(character);
    let start = text.find(is_digit).unwrap_or(text.len());
    if start > 0 && is_currency(&text[..start]) {
        return text[start..].trim();
    }
    let end = text
        .rfind(|character: char| character.is_ascii_digit())
        .map_or(0, |end| end + 1);
    if end > 0 && is_currency(&text[end..]) {
        return text[..end].trim();
    }
    text
}

fn is_currency(text: &str) -> bool {
    let is_symbol = |character: char| SYMBOLS.contains(character);
    let word = text.trim().trim_matches(is_symbol).trim().to_uppercase();
    !word.is_empty()
        && CURRENCIES
            .split_ascii_whitespace()
            .any(|known| known == word || format!("{known}.") == word)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_core(core: &str, decimal: Option<Decimal>) -> Written {
    let count = |mark: char| core.matches(mark).count();
    let (points, commas) = (count('.'), count(','));
    let number = |mark: Option<char>, groups: Option<char>, proof| match join(core, mark, groups) {
        Some(number) => Written::Number(number, proof),
        None => Written::Unknown,
    };
    let (point, comma) = (Some(Decimal::Point), Some(Decimal::Comma));
    match (points, commas) {
        _ if core.contains(['e', 'E']) => match decimal {
            Some(Decimal::Comma) => Written::Unknown,
            _ if core.parse::<f64>().is_ok() => Written::Number(core.to_owned(), None),
            _ => Written::Unknown,
        },
        (0, 0) => number(None, None, None),
        (1.., 1..) => match (core.rfind('.') > core.rfind(','), points, commas) {
            (true, 1, _) if decimal != comma => number(Some('.'), Some(','), point),
            (false, _, 1) if decimal != point => number(Some(','), Some('.'), comma),
            _ => Written::Unknown,
        },
        (2.., 0) if decimal != point => number(None, Some('.'), comma),
        (0, 2..) if decimal != comma => number(None, Some(','), point),
        (1, 0) if decimal == comma => number(None, Some('.'), None),
        (1, 0) => {
            // Three digits after a point prove nothing: they may be thousands, if decimals follow a comma.
            let proof = number(None, Some('.'), None) == Written::Unknown;
            number(Some('.'), None, proof.then_some(Decimal::Point))
        }
        (0, 1) => {
            let grouped = number(None, Some(','), None);
            match (decimal, grouped) {
                (Some(Decimal::Comma), _) => number(Some(','), None, None),
                (Some(Decimal::Point), grouped) => grouped,
                (None, Written::Unknown) => number(Some(','), None, comma),
                (None, _) => Written::EitherDecimal,
            }
        }
        _ => Written::Unknown,
    }
}

/// Joins the groups of the digits before the decimals. Returns `None` if a group has a wrong length.
fn join(core: &str, decimal: Option<char>, between: Option<char>) -> Option<String> {
    let (whole, decimals) = match decimal {
        Some(mark) => core.split_once(mark)?,
        None => (core, ""),
    };
    if decimal.is_some() && !decimals.is_empty() && !are_digits(decimals) {
        return None;
    }
    let between = between
        .filter(|mark| whole.contains(*mark))
        .or_else(|| whole.chars().find(|character| BETWEEN.contains(character)));
    let groups: Vec<&str> = match between {
        Some(between) => whole.split(between).collect(),
        None => vec![whole],
    };
    let (first, others) = groups.split_first()?;
    if groups
        .iter()
        .any(|group| !group.is_empty() && !are_digits(group))
    {
        return None;
    }
    let (last, middle) = match others.split_last() {
        Some((last, middle)) => (Some(*last), middle),
        None => (None, others),
    };
    // India groups the digits before the last three in pairs.
    let is_grouped = last.is_none_or(|last| {
        let are_three = middle.iter().all(|group| group.len() == 3);
        let are_two =
            between == Some(',') && first.len() <= 2 && middle.iter().all(|group| group.len() == 2);
        last.len() == 3
            && (1..=3).contains(&first.len())
            && !first.starts_with('0')
            && (are_three || are_two)
    });
    if !is_grouped
        || first.is_empty() && (decimals.is_empty() || last.is_some())
        || decimal.is_some() && decimals.is_empty() && decimal != Some('.')
    {
        return None;
    }
    let whole = if first.is_empty() {
        "0".to_owned()
    } else {
        groups.concat()
    };
    Some(match decimals {
        "" => whole,
        decimals => format!("{whole}.{decimals}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, decimal: Option<Decimal>) -> String {
        match read_written(text, decimal) {
            Written::Number(number, _) => number,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn forms_of_one_meaning() {
        for (text, number) in [
            ("12.5", "12.5"),
            ("12,5", "12.5"),
            ("0,99 €", "0.99"),
            ("-3", "-3"),
            ("+7", "7"),
            ("\u{2212}7", "-7"),
            ("5-", "-5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1e3"),
            ("$1,050.00", "1050.00"),
            ("US$ 5", "5"),
            ("-$5", "-5"),
            ("$-5", "-5"),
            ("($12.50)", "-12.50"),
            ("1 234,50 €", "1234.50"),
            ("1\u{202f}234,50\u{a0}€", "1234.50"),
            ("1.234,50", "1234.50"),
            ("1.234.567", "1234567"),
            ("1,234,567", "1234567"),
            ("1,234,567.89", "1234567.89"),
            ("12,34,567.5", "1234567.5"),
            ("1'234.50", "1234.50"),
            ("CHF 1’234.50", "1234.50"),
            ("EUR 5", "5"),
            ("5 EUR", "5"),
            ("5 zł", "5"),
            ("1 234 Kč", "1234"),
            ("100 kr.", "100"),
            ("99,- €", "99"),
            ("10%", "10"),
            ("10 %", "10"),
            ("1.234", "1.234"),
            ("1234", "1234"),
        ] {
            assert_eq!(read(text, None), number, "{text}");
        }
    }

    #[test]
    fn two_meanings_are_not_guessed() {
        let (point, comma) = (Some(Decimal::Point), Some(Decimal::Comma));
        assert_eq!(read("1,204", None), "EitherDecimal");
        assert_eq!(read("1,204", point), "1204");
        assert_eq!(read("1,204", comma), "1.204");
        assert_eq!(read("$1,204", None), "EitherDecimal");
        assert_eq!(read("1.234", comma), "1234");
        for (text, decimal) in [
            ("12.5", comma),
            ("0.123", comma),
            ("12,5", point),
            ("1.234.567", point),
            ("1,234.5", comma),
        ] {
            assert_eq!(read(text, decimal), "Unknown", "{text}");
        }
    }

    #[test]
    fn what_a_form_proves() {
        let proof = |text: &str| match read_written(text, None) {
            Written::Number(_, proof) => proof,
            other => panic!("{other:?}"),
        };
        assert_eq!(proof("12.5"), Some(Decimal::Point));
        assert_eq!(proof("12,5"), Some(Decimal::Comma));
        assert_eq!(proof("1.234"), None);
        assert_eq!(proof("1.234,5"), Some(Decimal::Comma));
        assert_eq!(proof("7"), None);
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "x",
            "-",
            "--1",
            "1,2,3",
            "12,",
            ",",
            ".",
            "1.234 567",
            "1234.567,8",
            "1.2345,6",
            "12 34",
            "5 apples",
            "$",
            "(5",
            "+-5",
            "192.168.0.1",
            "2026-03-01",
            "NaN",
            "0x10",
            "1,23,45",
        ] {
            assert_eq!(read(text, None), "Unknown", "{text}");
        }
    }
}
