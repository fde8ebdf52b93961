//! Opening a file: unpacking it within bounds, and finding out its encoding, its delimiter and whether it has a header.

use super::rows::{Dialect, Row, Rows};
use crate::audience::clean::clean_email;
use crate::error::Error;
use crate::import::plan::options::{Encoding, FileOptions, NO_QUOTE};
use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file is looked at to find out its form, in bytes.
const SAMPLE: u64 = 256 << 10;

/// A packed file may grow to this size in any case, in bytes.
const FREE_SIZE: u64 = 32 << 20;

/// A packed file may grow to this many times its size. Lists of people grow to five or ten times.
const MAX_RATIO: u64 = 200;

/// What was found out about a file, or said by whoever imports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// How its bytes are characters.
    pub encoding: Encoding,
    /// What stands between cells, an ASCII character.
    pub delimiter: u8,
    /// What stands around cells.
    pub quote: Option<u8>,
    /// Whether its first row names the columns.
    pub has_header: bool,
}

/// Opens a file and hands its rows to a function, with its form and a count of the bytes read so far.
///
/// # Errors
/// [`Error::Invalid`] if it cannot be opened or unpacked; those of the function.
pub fn read<T>(
    path: &Path,
    options: &FileOptions,
    read_bytes: &Arc<AtomicU64>,
    work: impl FnOnce(Rows<&mut dyn BufRead>, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut magic = [0; 4];
    let begins = read_some(&mut file, &mut magic).map_err(unreadable)?;
    io::Seek::rewind(&mut file).map_err(unreadable)?;
    let counted = Counting {
        inner: file,
        count: Arc::clone(read_bytes),
    };
    match &magic[..begins] {
        [0x1f, 0x8b, ..] => {
            let unpacked = flate2::read::MultiGzDecoder::new(BufReader::new(counted));
            read_text(Bounded::new(unpacked, size), options, work)
        }
        b"PK\x03\x04" | b"PK\x05\x06" => {
            let mut archive = zip::ZipArchive::new(counted).map_err(not_a_zip)?;
            let position = find_entry(&archive)?;
            let unpacked = archive.by_index(position).map_err(not_a_zip)?;
            read_text(Bounded::new(unpacked, size), options, work)
        }
        _ => read_text(counted, options, work),
    }
}

fn not_a_zip(error: zip::result::ZipError) -> Error {
    Error::invalid("file", format!("the ZIP archive cannot be read: {error}"))
}

/// Finds the one file of an archive.
fn find_entry<R: Read + io::Seek>(archive: &zip::ZipArchive<R>) -> Result<usize, Error> {
    let names: Vec<(usize, String)> = archive
        .file_names()
        .enumerate()
        .filter_map(|(position, name)| Some((position, name.ok()?.into_owned())))
        .filter(|(_, name)| !name.ends_with('/') && !name.starts_with("__MACOSX/"))
        .collect();
    match names.as_slice() {
        [(position, _)] => Ok(*position),
        [] => Err(Error::invalid(
            "file",
            "expected one file in the ZIP archive, found none",
        )),
        many => {
            let shown: Vec<&str> = many.iter().take(5).map(|(_, name)| name.as_str()).collect();
            let message = format!(
                "expected one file in the ZIP archive, found {}: {}; pack the one to import by itself",
                many.len(),
                shown.join(", ")
            );
            Err(Error::invalid("file", message))
        }
    }
}

/// A file that stops to be readable half-way.
pub fn unreadable(error: io::Error) -> Error {
    Error::invalid("file", format!("it cannot be read: {error}"))
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn read_text<T>(
    mut source: impl Read,
    options: &FileOptions,
    work: impl FnOnce(Rows<&mut dyn BufRead>, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut sample = Vec::new();
    (&mut source)
        .take(SAMPLE)
        .read_to_end(&mut sample)
        .map_err(unreadable)?;
    let is_whole = (sample.len() as u64) < SAMPLE;
    let encoding = options.encoding.unwrap_or_else(|| guess_encoding(&sample));
    let text = decode_sample(&sample, encoding, is_whole);
    let quote = Some(options.quote.unwrap_or(b'"')).filter(|quote| *quote != NO_QUOTE);
    let delimiter = options
        .delimiter
        .unwrap_or_else(|| guess_delimiter(&text, quote));
    let mut form = Form {
        encoding,
        delimiter,
        quote,
        has_header: true,
    };
    let dialect = Dialect {
        delimiter,
        quote,
        is_decoded: encoding != Encoding::Utf8,
    };
    form.has_header = match options.header {
        Some(has_header) => has_header,
        None => has_header(&text, dialect),
    };
    let bytes = Cursor::new(sample).chain(source);
    let mut reader: Box<dyn BufRead> = match decoder(encoding) {
        None => Box::new(BufReader::with_capacity(1 << 16, bytes)),
        Some(decoder) => Box::new(BufReader::with_capacity(
            1 << 16,
            Decoding::new(bytes, decoder),
        )),
    };
    work(Rows::new(reader.as_mut(), dialect), form)
}

fn decoder(encoding: Encoding) -> Option<Decoder> {
    // The byte order mark is taken away here, but not allowed to name another encoding than was found.
    Some(match encoding {
        Encoding::Utf8 => return None,
        Encoding::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
        Encoding::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
        Encoding::Windows1252 => WINDOWS_1252.new_decoder_without_bom_handling(),
    })
}

/// Guesses by a byte order mark, by the NULs of UTF-16, and by bytes that UTF-8 does not have. A file in which
/// characters of UTF-8 stand beside broken ones stays one of UTF-8: its broken rows are refused rather than misread.
fn guess_encoding(sample: &[u8]) -> Encoding {
    match sample {
        [0xef, 0xbb, 0xbf, ..] => return Encoding::Utf8,
        [0xff, 0xfe, ..] => return Encoding::Utf16Le,
        [0xfe, 0xff, ..] => return Encoding::Utf16Be,
        _ => {}
    }
    let start = &sample[..sample.len().min(4_096)];
    let nuls = |odd: usize| {
        let places = start.iter().skip(odd).step_by(2);
        places.filter(|byte| **byte == 0).count()
    };
    let pairs = start.len() / 2;
    match (nuls(0), nuls(1)) {
        (even, odd) if pairs > 0 && odd * 2 > pairs && even * 8 < pairs => {
            return Encoding::Utf16Le;
        }
        (even, odd) if pairs > 0 && even * 2 > pairs && odd * 8 < pairs => {
            return Encoding::Utf16Be;
        }
        _ => {}
    }
    let (mut valid, mut broken) = (0_usize, 0_usize);
    for chunk in sample.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    // The sample may end within a character.
    if broken > 1 && valid == 0 || broken == 1 && valid == 0 && !ends_broken(sample) {
        Encoding::Windows1252
    } else {
        Encoding::Utf8
    }
}

fn ends_broken(sample: &[u8]) -> bool {
    sample.len() as u64 == SAMPLE
        && std::str::from_utf8(sample).is_err_and(|error| error.error_len().is_none())
}

fn decode_sample(sample: &[u8], encoding: Encoding, is_whole: bool) -> String {
    let mut text = match encoding {
        Encoding::Utf8 => UTF_8.decode(sample).0,
        Encoding::Utf16Le => UTF_16LE.decode_with_bom_removal(sample).0,
        Encoding::Utf16Be => UTF_16BE.decode_with_bom_removal(sample).0,
        Encoding::Windows1252 => WINDOWS_1252.decode_without_bom_handling(sample).0,
    }
    .into_owned();
    // The last line may be a part of one.
    if !is_whole && let Some(end) = text.rfind('\n') {
        text.truncate(end + 1);
    }
    text
}

/// The delimiters that are looked for, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many rows are looked at.
const LOOKED_AT: usize = 20;

/// Guesses the delimiter: the one that cuts the first rows into the same number of cells, as many as possible.
fn guess_delimiter(text: &str, quote: Option<u8>) -> u8 {
    let measure = |delimiter: u8| {
        let dialect = Dialect {
            delimiter,
            quote,
            is_decoded: false,
        };
        let widths: Vec<usize> = first_rows(text, dialect).iter().map(Vec::len).collect();
        let Some(first) = widths.first().copied().filter(|first| *first > 1) else {
            return (0, 0);
        };
        let same = widths.iter().filter(|width| **width == first).count();
        (same, first)
    };
    let mut best = (b',', (0, 0));
    for delimiter in DELIMITERS {
        let measured = measure(delimiter);
        if measured > best.1 {
            best = (delimiter, measured);
        }
    }
    best.0
}

fn first_rows(text: &str, dialect: Dialect) -> Vec<Vec<String>> {
    let mut rows = Rows::new(text.as_bytes(), dialect);
    let mut found = Vec::new();
    while found.len() < LOOKED_AT
        && let Ok(Some(row)) = rows.next_row()
    {
        found.extend(row.cells);
    }
    found
}

/// A first row with an e-mail address in it names nobody's columns.
fn has_header(text: &str, dialect: Dialect) -> bool {
    let first = Rows::new(text.as_bytes(), dialect).next_row();
    let Ok(Some(Row {
        cells: Ok(cells), ..
    })) = first
    else {
        return true;
    };
    !cells.iter().any(|cell| clean_email(cell).is_ok())
}

/// Counts what is read of a file, for a progress bar.
struct Counting {
    inner: File,
    count: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl io::Seek for Counting {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// Stops reading where a packed file grows beyond measure.
struct Bounded<R> {
    inner: R,
    packed: u64,
    unpacked: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, packed: u64) -> Bounded<R> {
        Bounded {
            inner,
            packed,
            unpacked: 0,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        if self.unpacked > FREE_SIZE.max(self.packed.saturating_mul(MAX_RATIO)) {
            let message = format!(
                "it grows to more than {MAX_RATIO} times its size of {} bytes, as no list does; unpack it first if it is one",
                self.packed
            );
            return Err(io::Error::other(message));
        }
        Ok(read)
    }
}

/// Turns another encoding into UTF-8 while it is read.
struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_range: std::ops::Range<usize>,
    is_ended: bool,
    is_finished: bool,
}

impl<R: Read> Decoding<R> {
    fn new(inner: R, decoder: Decoder) -> Decoding<R> {
        Decoding {
            inner,
            decoder,
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
