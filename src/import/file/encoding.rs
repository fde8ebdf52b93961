//! The character encoding of a file: detecting it, and decoding while the file is read.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, CoderResult, Decoder, GBK, ISO_8859_2, MACINTOSH, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE,
    WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// A character encoding of the Encoding Standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8.
    pub const UTF_8: Encoding = Encoding(UTF_8);
    /// UTF-16, the low byte first.
    pub const UTF_16_LE: Encoding = Encoding(UTF_16LE);
    /// UTF-16, the high byte first.
    pub const UTF_16_BE: Encoding = Encoding(UTF_16BE);
    /// Windows-1252, of which ISO 8859-1 is a part.
    pub const WINDOWS_1252: Encoding = Encoding(WINDOWS_1252);
    /// The encoding of classic Mac OS.
    pub const MACINTOSH: Encoding = Encoding(MACINTOSH);

    /// The encodings that files commonly have, the likelier first.
    pub const ALL: [Encoding; 14] = [
        Encoding(UTF_8),
        Encoding(UTF_16LE),
        Encoding(UTF_16BE),
        Encoding(WINDOWS_1252),
        Encoding(WINDOWS_1250),
        Encoding(WINDOWS_1251),
        Encoding(WINDOWS_1253),
        Encoding(WINDOWS_1254),
        Encoding(WINDOWS_1257),
        Encoding(ISO_8859_2),
        Encoding(MACINTOSH),
        Encoding(SHIFT_JIS),
        Encoding(GBK),
        Encoding(BIG5),
    ];

    /// Returns the usual name.
    pub fn as_str(self) -> &'static str {
        match self.0.name() {
            "UTF-8" => "utf-8",
            "UTF-16LE" => "utf-16le",
            "UTF-16BE" => "utf-16be",
            other => other,
        }
    }

    /// Finds an encoding by its usual name, or by another name that browsers know.
    pub fn parse(text: &str) -> Option<Encoding> {
        let name = text.trim().to_ascii_lowercase();
        let alias = match name.as_str() {
            "utf-16" => "utf-16le",
            "mac" | "mac-roman" | "macroman" => "macintosh",
            "ansi" | "western" => "windows-1252",
            other => other,
        };
        let code_page = name
            .strip_prefix("cp")
            .map(|page| format!("windows-{page}"));
        let found = encoding_rs::Encoding::for_label(alias.as_bytes());
        let found = found.or_else(|| encoding_rs::Encoding::for_label(code_page?.as_bytes()));
        // The standard replaces unsafe encodings with this one, which decodes nothing.
        found
            .filter(|found| *found != encoding_rs::REPLACEMENT)
            .map(Encoding)
    }

    /// Whether it is UTF-8, which is read without being decoded.
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }

    /// Decodes a part of a file. Malformed bytes become U+FFFD.
    pub fn decode(self, bytes: &[u8]) -> String {
        self.0.decode_with_bom_removal(bytes).0.into_owned()
    }

    /// Returns a decoder for a file. It removes the byte order mark, which cannot change the encoding.
    pub fn decoder(self) -> Decoder {
        self.0.new_decoder_with_bom_removal()
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(text: String) -> Result<Encoding, String> {
        Encoding::parse(&text)
            .ok_or_else(|| format!("expected the name of an encoding, found \"{text}\""))
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> String {
        encoding.as_str().to_owned()
    }
}

/// The detected encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    /// The encoding.
    pub encoding: Encoding,
    /// The encoding of lines that are not in UTF-8, in a file of UTF-8.
    pub of_other_lines: Option<Encoding>,
}

/// Guesses by a byte order mark, by the NULs of UTF-16, by whether lines are well-formed UTF-8, and by the frequencies
/// of bytes in natural languages.
pub fn guess_encoding(sample: &[u8]) -> Guess {
    let sure = |encoding| Guess {
        encoding,
        of_other_lines: None,
    };
    match sample {
        [0xff, 0xfe, ..] => return sure(Encoding::UTF_16_LE),
        [0xfe, 0xff, ..] => return sure(Encoding::UTF_16_BE),
        _ => {}
    }
    if let Some(encoding) = guess_utf16(sample) {
        return sure(encoding);
    }
    let (mut well_formed, mut others) = (0_usize, Vec::new());
    for line in sample.split(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(text) => well_formed += usize::from(!text.is_ascii()),
            // The sample may end within a character.
            Err(error)
                if error.error_len().is_none()
                    && line.as_ptr_range().end == sample.as_ptr_range().end => {}
            Err(_) => {
                others.extend_from_slice(line);
                others.push(b'\n');
            }
        }
    }
    let has_mark = sample.starts_with(b"\xef\xbb\xbf");
    if others.is_empty() {
        return Guess {
            encoding: Encoding::UTF_8,
            of_other_lines: Some(Encoding::WINDOWS_1252),
        };
    }
    let other_lines = others.iter().filter(|byte| **byte == b'\n').count();
    let guessed = guess_legacy(&others, sample);
    if has_mark || well_formed >= other_lines {
        return Guess {
            encoding: Encoding::UTF_8,
            of_other_lines: Some(guessed),
        };
    }
    sure(guessed)
}

/// Finds UTF-16 without a byte order mark: every second byte of its ASCII characters is NUL.
fn guess_utf16(sample: &[u8]) -> Option<Encoding> {
    let start = &sample[..sample.len().min(4_096)];
    let nuls = |odd: usize| {
        start
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd, pairs) = (nuls(0), nuls(1), start.len() / 2);
    if pairs < 4 {
        return None;
    }
    match () {
        () if odd * 5 > pairs && even * 8 < odd => Some(Encoding::UTF_16_LE),
        () if even * 5 > pairs && odd * 8 < even => Some(Encoding::UTF_16_BE),
        () => None,
    }
}

/// Guesses among the encodings older than Unicode. The country of the addresses in the file helps if there are few
/// letters to judge by.
fn guess_legacy(lines: &[u8], sample: &[u8]) -> Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(lines, true);
    let country = country_of_addresses(sample);
    let guessed = Encoding(detector.guess(
        country.as_ref().map(<[u8; 2]>::as_slice),
        Utf8Detection::Deny,
    ));
    if guessed == Encoding::WINDOWS_1252
        && misplaced(MACINTOSH, lines) * 4 < misplaced(WINDOWS_1252, lines)
    {
        return Encoding::MACINTOSH;
    }
    guessed
}

/// Counts signs and capital letters outside ASCII that follow small letters. A wrong encoding produces them.
fn misplaced(encoding: &'static encoding_rs::Encoding, lines: &[u8]) -> usize {
    let text = encoding.decode_without_bom_handling(lines).0;
    let pairs = text.chars().zip(text.chars().skip(1));
    pairs
        .filter(|(before, after)| {
            before.is_ascii_lowercase() && !after.is_ascii() && !after.is_lowercase()
        })
        .count()
}

/// Returns the country code that most addresses of a sample end with, if at least a quarter of all addresses has it.
fn country_of_addresses(sample: &[u8]) -> Option<[u8; 2]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    let mut counts: Vec<([u8; 2], usize)> = Vec::new();
    let mut total = 0;
    for after in sample.split(|byte| *byte == b'@').skip(1) {
        let length = after.iter().take_while(|byte| is_part(byte)).count();
        let Some(end) = after[..length].rsplit(|byte| *byte == b'.').next() else {
            continue;
        };
        total += 1;
        let [first, second] = *end else {
            continue;
        };
        let country = [first.to_ascii_lowercase(), second.to_ascii_lowercase()];
        match counts.iter_mut().find(|(known, _)| *known == country) {
            Some((_, count)) => *count += 1,
            None => counts.push((country, 1)),
        }
    }
    let (country, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let is_known = country.iter().all(u8::is_ascii_lowercase)
        && EncodingDetector::tld_may_affect_guess(Some(&country));
    (is_known && count * 4 >= total).then_some(country)
}

/// A reader that decodes another encoding to UTF-8.
pub struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_range: std::ops::Range<usize>,
    is_ended: bool,
    is_finished: bool,
}

impl<R: Read> Decoding<R> {
    /// Decodes a source.
    pub fn new(inner: R, encoding: Encoding) -> Decoding<R> {
        Decoding {
            inner,
            decoder: encoding.decoder(),
            raw: vec![0; 1 << 15],
            raw_range: 0..0,
            is_ended: false,
            is_finished: false,
        }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_finished {
                return Ok(0);
            }
            if self.raw_range.is_empty() && !self.is_ended {
                let read = self.inner.read(&mut self.raw)?;
                self.raw_range = 0..read;
                self.is_ended = read == 0;
            }
            let raw = &self.raw[self.raw_range.clone()];
            let decoded = self.decoder.decode_to_utf8(raw, buffer, self.is_ended);
            let (result, used, written, _) = decoded;
            self.raw_range.start += used;
            self.is_finished = self.is_ended && result == CoderResult::InputEmpty;
            if written > 0 || self.is_finished {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, text: &str) -> Vec<u8> {
        let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).expect("an encoding");
        if encoding.is_single_byte() || encoding.output_encoding() == encoding {
            return encoding.encode(text).0.into_owned();
        }
        let units = text.encode_utf16();
        match name {
            "utf-16le" => units.flat_map(u16::to_le_bytes).collect(),
            _ => units.flat_map(u16::to_be_bytes).collect(),
        }
    }

    #[test]
    fn encodings_are_told_by_their_bytes() {
        let lithuanian = "email;vardas;pavarde\r\nona@example.lt;Eglė;Žukauskaitė\r\njonas@example.lt;Jonas;Šiaučiūnas\r\n";
        let russian = "email;Имя;Город\r\na@example.ru;Иван;Москва\r\nb@example.com;Ольга;Тула\r\n";
        let polish =
            "email;imię\r\na@example.pl;Łukasz Wiśniewski\r\nb@example.pl;Małgorzata Żółć\r\n";
        let german = "email;name\r\na@example.de;Jörg Müller\r\nb@example.de;Größe Straße\r\n";
        let japanese = "email,名前\r\na@example.jp,山田太郎\r\nb@example.jp,さとうはなこ\r\n";
        for (name, text) in [
            ("utf-8", lithuanian),
            ("utf-8", russian),
            ("utf-16le", russian),
            ("utf-16be", german),
            ("windows-1257", lithuanian),
            ("windows-1251", russian),
            ("windows-1250", polish),
            ("windows-1252", german),
            ("macintosh", german),
            ("shift_jis", japanese),
            ("euc-jp", japanese),
        ] {
            let guess = guess_encoding(&encoded(name, text));
            assert_eq!(guess.encoding.as_str().to_ascii_lowercase(), name);
            assert_eq!(guess.encoding.decode(&encoded(name, text)), text);
        }
    }

    #[test]
    fn a_broken_line_does_not_change_a_file() {
        let mut file = "email,name\na@example.de,Jörg\nb@example.de,Größe\n"
            .as_bytes()
            .to_vec();
        file.extend_from_slice(b"c@example.de,M\xfcller\n");
        let guess = guess_encoding(&file);
        assert_eq!(guess.encoding, Encoding::UTF_8);
        assert_eq!(
            guess.of_other_lines.map(Encoding::as_str),
            Some("windows-1252")
        );
    }

    #[test]
    fn names_are_those_of_browsers() {
        for (name, usual) in [
            ("UTF8", "utf-8"),
            ("latin1", "windows-1252"),
            ("cp1257", "windows-1257"),
            ("ISO-8859-1", "windows-1252"),
            ("sjis", "Shift_JIS"),
            ("mac", "macintosh"),
        ] {
            assert_eq!(
                Encoding::parse(name).map(Encoding::as_str),
                Some(usual),
                "{name}"
            );
        }
        assert_eq!(Encoding::parse("utf-7"), None);
        assert_eq!(Encoding::parse("hz-gb-2312"), None);
        for usual in Encoding::ALL {
            assert_eq!(Encoding::parse(usual.as_str()), Some(usual));
        }
    }
}
