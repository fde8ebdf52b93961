//! A file that appears under its name only when it is complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The size of the write buffer, in bytes.
const BUFFER: usize = 1 << 16;

/// Where an export is written: to a temporary file beside the target until it is complete, or directly to something that
/// is not a regular file, such as a device or a pipe.
pub enum Destination {
    /// A temporary file that is renamed at the end.
    Whole {
        /// The temporary file.
        file: BufWriter<NamedTempFile>,
        /// The final name.
        path: PathBuf,
    },
    /// A device or a pipe, written directly.
    Straight(BufWriter<File>),
}

impl Destination {
    /// Opens a destination. A symbolic link is followed, so that the link stays and its target is replaced.
    pub fn open(path: &Path) -> io::Result<Destination> {
        let existing = std::fs::metadata(path);
        if existing.as_ref().is_ok_and(|found| !found.is_file()) {
            let file = File::options().write(true).open(path)?;
            return Ok(Destination::Straight(BufWriter::with_capacity(
                BUFFER, file,
            )));
        }
        let path = match existing {
            Ok(_) => std::fs::canonicalize(path)?,
            Err(_) => std::path::absolute(path)?,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let dir = path.parent().unwrap_or(Path::new("/"));
        // Only the owner can read it: it holds other people's data.
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".partial")
            .tempfile_in(dir)?;
        Ok(Destination::Whole {
            file: BufWriter::with_capacity(BUFFER, file),
            path,
        })
    }

    /// Renames the temporary file to the final name, or flushes what was written directly.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Destination::Whole { file, path } => {
                let file = file.into_inner()?;
                file.as_file().sync_all()?;
                file.persist(path)?;
                Ok(())
            }
            Destination::Straight(mut file) => file.flush(),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Destination::Whole { file, .. } => file.write(bytes),
            Destination::Straight(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Destination::Whole { file, .. } => file.flush(),
            Destination::Straight(file) => file.flush(),
        }
    }
}
