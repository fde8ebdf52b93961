//! Opens a file and unpacks it, up to a maximum size.

use super::unreadable::unreadable;
use crate::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The unpacked size that is always allowed, in bytes.
const FREE_SIZE: u64 = 32 << 20;

/// A packed file may grow to this many times its size. Lists of people grow to five or ten times.
const MAX_RATIO: u64 = 200;

/// How a file is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packing {
    /// The file is not packed.
    Plain,
    /// The file is packed with gzip.
    Gzip,
    /// The file is in a ZIP archive, at this position and with this name.
    Zip(usize, String),
    /// The file is a workbook.
    Workbook,
}

/// Returns how a file is packed, and which part of an archive to import.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be opened, or it is not clear which part to import.
pub fn find_packing(path: &Path, part: Option<&str>) -> Result<Packing, Error> {
    let mut file = File::open(path).map_err(unreadable)?;
    let mut magic = [0; 4];
    let begins = read_some(&mut file, &mut magic).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    match &magic[..begins] {
        [0x1f, 0x8b, ..] => Ok(Packing::Gzip),
        b"PK\x03\x04" | b"PK\x05\x06" => {
            let archive = zip::ZipArchive::new(file).map_err(not_a_zip)?;
            find_entry(&archive, part)
        }
        _ => Ok(Packing::Plain),
    }
}

/// Opens a file, and calls `work` with its unpacked bytes. `read_bytes` counts the bytes read of the packed file.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be opened or unpacked; errors of `work`.
pub fn unpack<T>(
    path: &Path,
    packing: &Packing,
    read_bytes: &Arc<AtomicU64>,
    work: impl FnOnce(&mut dyn Read) -> Result<T, Error>,
) -> Result<T, Error> {
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut counted = Counting {
        inner: file,
        count: Arc::clone(read_bytes),
    };
    match packing {
        Packing::Plain | Packing::Workbook => work(&mut counted),
        Packing::Gzip => {
            let unpacked = flate2::read::MultiGzDecoder::new(BufReader::new(counted));
            work(&mut Bounded::new(unpacked, size))
        }
        Packing::Zip(position, _) => {
            let mut archive = zip::ZipArchive::new(counted).map_err(not_a_zip)?;
            let unpacked = archive.by_index(*position).map_err(not_a_zip)?;
            work(&mut Bounded::new(unpacked, size))
        }
    }
}

fn not_a_zip(error: zip::result::ZipError) -> Error {
    let message = match error {
        zip::result::ZipError::UnsupportedArchive(zip::result::ZipError::PASSWORD_REQUIRED) => {
            "the ZIP archive is protected by a password; pack it without one".to_owned()
        }
        other => format!("the ZIP archive cannot be read: {other}"),
    };
    Error::invalid("file", message)
}

/// Lists the files of an archive, except hidden files and files of the operating system.
fn list_entries<R: Read + Seek>(archive: &zip::ZipArchive<R>) -> Vec<(usize, String)> {
    let names = archive.file_names().enumerate();
    names
        .filter_map(|(position, name)| Some((position, name.ok()?.into_owned())))
        .filter(|(_, name)| {
            let last = name.rsplit('/').next().unwrap_or_default();
            let is_hidden = last.is_empty()
                || last.starts_with('.')
                || ["Thumbs.db", "desktop.ini"].contains(&last);
            !is_hidden && !name.starts_with("__MACOSX/")
        })
        .collect()
}

/// Finds the part of an archive to import.
fn find_entry<R: Read + Seek>(
    archive: &zip::ZipArchive<R>,
    part: Option<&str>,
) -> Result<Packing, Error> {
    let entries = list_entries(archive);
    let names: Vec<String> = entries.iter().map(|(_, name)| name.clone()).collect();
    if let Some(packing) = find_document(&names)? {
        return Ok(packing);
    }
    let entry = |wanted: &str| {
        let found = entries.iter().find(|(_, name)| name == wanted);
        found.map(|(position, name)| Packing::Zip(*position, name.clone()))
    };
    if let Some(part) = part {
        let name = find_part(&names, part)?;
        return entry(name).ok_or_else(|| {
            Error::invalid("file", "expected a file in the ZIP archive, found none")
        });
    }
    let is_table = |name: &&String| {
        let lower = name.to_ascii_lowercase();
        [".csv", ".tsv", ".tab", ".xlsx", ".ndjson", ".jsonl"]
            .iter()
            .any(|end| lower.ends_with(end))
    };
    let tables: Vec<&String> = names.iter().filter(is_table).collect();
    match (names.as_slice(), tables.as_slice()) {
        ([only], _) => entry(only),
        (_, [only]) => entry(only),
        _ => None,
    }
    .ok_or_else(|| match names.len() {
        0 => Error::invalid("file", "expected a file in the ZIP archive, found none"),
        count => {
            let tables = if tables.is_empty() { names.iter().collect() } else { tables };
            let shown: Vec<&str> = tables.iter().take(10).map(|name| name.as_str()).collect();
            let message = format!(
                "expected one file in the ZIP archive, found {count}: {}; name the part to import, each by itself",
                shown.join(", ")
            );
            Error::invalid("part", message)
        }
    })
}

/// Recognises documents that are ZIP archives. Returns `None` for an archive of files, and fails for documents that are
/// not supported.
fn find_document(names: &[String]) -> Result<Option<Packing>, Error> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let refused = |words: &str| Err(Error::invalid("file", words));
    match () {
        () if has("xl/workbook.xml") => Ok(Some(Packing::Workbook)),
        () if has("xl/workbook.bin") => {
            refused("found a binary Excel workbook (.xlsb); save it as .xlsx or as CSV UTF-8")
        }
        () if has("content.xml") && has("mimetype") => {
            refused("found a document of LibreOffice; save it as .xlsx or as CSV UTF-8")
        }
        () if names.iter().any(|name| name.ends_with(".iwa")) => {
            refused("found a document of Numbers; export it as Excel or as CSV")
        }
        () if has("word/document.xml") => {
            refused("found a Word document; save the list as CSV, or copy it to a spreadsheet")
        }
        () => Ok(None),
    }
}

/// Finds a part by its name, by the end of its path, or by a piece of its name that no other name has.
///
/// # Errors
/// [`Error::Invalid`] with the existing names, if no part or more than one part fits.
pub fn find_part<'n>(names: &'n [String], wanted: &str) -> Result<&'n str, Error> {
    let lower = wanted.trim().to_lowercase();
    let exact = names.iter().find(|name| {
        name.to_lowercase() == lower || name.to_lowercase().ends_with(&format!("/{lower}"))
    });
    let near: Vec<&String> = names
        .iter()
        .filter(|name| !lower.is_empty() && name.to_lowercase().contains(&lower))
        .collect();
    match (exact, near.as_slice()) {
        (Some(name), _) => Ok(name),
        (None, [only]) => Ok(only),
        _ => {
            let shown: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
            let message = format!("expected one of {}, found \"{wanted}\"", shown.join(", "));
            Err(Error::invalid("part", message))
        }
    }
}

/// Reads until the buffer is full or the source ends, and returns how many bytes it read.
pub fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Counts the bytes read of a file, for a progress bar.
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

impl Seek for Counting {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// A reader that fails if a packed file grows too large.
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
                "it expands to more than {MAX_RATIO} times its size of {} bytes and may be a decompression bomb; if it is genuine, unpack it first",
                self.packed
            );
            return Err(io::Error::other(message));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_name() {
        let names =
            ["a/subscribed_1.csv", "a/unsubscribed_1.csv", "cleaned.csv"].map(str::to_owned);
        assert_eq!(
            find_part(&names, "subscribed_1.csv").ok(),
            Some("a/subscribed_1.csv")
        );
        assert_eq!(find_part(&names, "Cleaned").ok(), Some("cleaned.csv"));
        assert_eq!(
            find_part(&names, "unsub").ok(),
            Some("a/unsubscribed_1.csv")
        );
        for unclear in ["subscribed", "", "other"] {
            assert!(find_part(&names, unclear).is_err(), "{unclear}");
        }
    }
}
