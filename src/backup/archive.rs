//! The file of a backup: a tar archive of `database.dump`, which `pg_dump -Fc` wrote, and `manifest.json` after it,
//! which can be written only when the dump is complete. `tar` and `pg_restore` can read it without Rollcall.

use super::error::BackupError;
use super::manifest::{DumpPart, FORMAT, Manifest};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take, Write};
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const DUMP: &str = "database.dump";
const MANIFEST: &str = "manifest.json";

/// The block size of a tar archive, in bytes.
const BLOCK: u64 = 512;

/// The largest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// How many bytes are read at a time.
const BUFFER: usize = 1 << 18;

/// The problem of a file that does not begin with a dump.
const NO_BACKUP: &str = "is not a backup of Rollcall";

/// Copies a dump into a new file. Returns `None` if `goes_on` returns false before the dump is complete.
pub(super) fn write_dump(
    file: &mut File,
    dump: &mut impl Read,
    goes_on: impl Fn() -> bool,
) -> io::Result<Option<DumpPart>> {
    // A placeholder for the header, which is written when the length is known.
    file.write_all(&[0; BLOCK as usize])?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        if !goes_on() {
            return Ok(None);
        }
        match dump.read(&mut buffer) {
            Ok(0) => break,
            Ok(number) => {
                let read = &buffer[..number];
                hasher.update(read);
                file.write_all(read)?;
                bytes += u64::try_from(number).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    pad(file, bytes)?;
    let sha256 = hex(&hasher.finalize());
    Ok(Some(DumpPart { bytes, sha256 }))
}

/// Completes a backup after its dump: writes the manifest, and the header of the dump.
pub(super) fn write_manifest(file: &mut File, manifest: &Manifest) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(manifest)?;
    let seconds = u64::try_from(manifest.made_at.timestamp()).unwrap_or_default();
    let bytes = u64::try_from(text.len()).unwrap_or_default();
    file.write_all(header(MANIFEST, bytes, seconds)?.as_bytes())?;
    file.write_all(&text)?;
    pad(file, bytes)?;
    file.write_all(&[0; 2 * BLOCK as usize])?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header(DUMP, manifest.dump.bytes, seconds)?.as_bytes())?;
    file.sync_all()
}

fn header(name: &str, bytes: u64, seconds: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Pads an entry to whole blocks.
fn pad(file: &mut File, bytes: u64) -> io::Result<()> {
    let rest = usize::try_from(bytes.next_multiple_of(BLOCK) - bytes).unwrap_or_default();
    file.write_all(&vec![0; rest])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An open backup.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    dump_at: u64,
    /// The manifest of the backup.
    pub manifest: Manifest,
}

/// An entry of an archive.
struct Entry {
    name: String,
    at: u64,
    bytes: u64,
}

impl Archive {
    /// Opens a file and reads its manifest.
    ///
    /// # Errors
    /// [`BackupError::File`] if the file cannot be read, and [`BackupError::Unusable`] if it is not a backup or is
    /// damaged.
    pub fn open(path: &Path) -> Result<Archive, BackupError> {
        let read = |error| BackupError::file("read", path)(error);
        let unusable = |problem: &str| BackupError::unusable(path, problem);
        let mut file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if !metadata.is_file() {
            return Err(unusable("is not a file"));
        }
        let length = metadata.len();
        let entry = read_entry(&mut file, 0).map_err(read)?;
        let dump = entry
            .filter(|entry| entry.name == DUMP)
            .ok_or_else(|| unusable(NO_BACKUP))?;
        let manifest_at = dump
            .bytes
            .checked_next_multiple_of(BLOCK)
            .and_then(|bytes| bytes.checked_add(dump.at));
        let cut = || unusable("was cut off: it ends before its manifest");
        let manifest_at = manifest_at.filter(|at| *at < length).ok_or_else(cut)?;
        let entry = read_entry(&mut file, manifest_at).map_err(read)?;
        if length < manifest_at + BLOCK {
            return Err(cut());
        }
        let entry = entry
            .filter(|entry| entry.name == MANIFEST && entry.bytes <= LARGEST_MANIFEST)
            .ok_or_else(|| unusable("is damaged: its manifest cannot be found"))?;
        if entry.at + entry.bytes > length {
            return Err(cut());
        }
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(entry.at)).map_err(read)?;
        let mut part = Read::by_ref(&mut file).take(entry.bytes);
        part.read_to_end(&mut text).map_err(read)?;
        let manifest = parse_manifest(path, &text)?;
        if manifest.dump.bytes != dump.bytes {
            return Err(unusable(
                "is damaged: the length of its dump is not that of the manifest",
            ));
        }
        Ok(Archive {
            path: path.to_owned(),
            file,
            dump_at: dump.at,
            manifest,
        })
    }

    /// Reads the whole dump and compares its SHA-256 with that of the manifest.
    ///
    /// # Errors
    /// [`BackupError::File`] if the file cannot be read, and [`BackupError::Unusable`] if they differ.
    pub fn check(&self) -> Result<(), BackupError> {
        let mut dump = self.dump()?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            match dump.read(&mut buffer) {
                Ok(0) => break,
                Ok(number) => hasher.update(&buffer[..number]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BackupError::file("read", &self.path)(error)),
            }
        }
        match hex(&hasher.finalize()) == self.manifest.dump.sha256 {
            true => Ok(()),
            false => {
                Err(self
                    .unusable("is damaged: the SHA-256 of its dump is not that of the manifest"))
            }
        }
    }

    /// Returns a reader of the dump.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub(super) fn dump(&self) -> Result<BufReader<Take<File>>, BackupError> {
        let begin = || {
            let mut file = self.file.try_clone()?;
            file.seek(SeekFrom::Start(self.dump_at))?;
            Ok(file.take(self.manifest.dump.bytes))
        };
        let dump = begin().map_err(BackupError::file("read", &self.path))?;
        Ok(BufReader::with_capacity(BUFFER, dump))
    }

    /// Returns the error that this file cannot be used.
    pub(super) fn unusable(&self, problem: impl Into<String>) -> BackupError {
        BackupError::unusable(&self.path, problem)
    }
}

/// Reads the header at an offset. Returns `None` if there is no valid header.
fn read_entry(file: &mut File, at: u64) -> io::Result<Option<Entry>> {
    file.seek(SeekFrom::Start(at))?;
    let mut header = Header::new_gnu();
    match file.read_exact(header.as_mut_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let sum: u64 = header
        .as_bytes()
        .iter()
        .enumerate()
        .fold(0, |sum, (place, byte)| {
            // The bytes of the checksum itself count as blanks.
            let byte = if (148..156).contains(&place) {
                b' '
            } else {
                *byte
            };
            sum + u64::from(byte)
        });
    let is_sound = header.cksum().is_ok_and(|told| u64::from(told) == sum);
    let (Ok(path), Ok(bytes), true) = (header.path(), header.entry_size(), is_sound) else {
        return Ok(None);
    };
    Ok(Some(Entry {
        name: path.display().to_string(),
        at: at + BLOCK,
        bytes,
    }))
}

/// Reads a manifest. Checks the number of the format first, because a later format may have other fields.
fn parse_manifest(path: &Path, text: &[u8]) -> Result<Manifest, BackupError> {
    let unusable = |problem: String| BackupError::unusable(path, problem);
    let damaged = |error: serde_json::Error| {
        unusable(format!("is damaged: its manifest cannot be read ({error})"))
    };
    let value: serde_json::Value = serde_json::from_slice(text).map_err(damaged)?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    if let Some(format) = format.filter(|format| *format > u64::from(FORMAT)) {
        return Err(unusable(format!(
            "was made by a newer Rollcall (format {format}, and this one reads up to {FORMAT}); use that version or a newer one"
        )));
    }
    serde_json::from_value(value).map_err(damaged)
}
