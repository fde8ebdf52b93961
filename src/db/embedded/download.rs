//! Fetches server binaries if the system has none, and gives advice if that fails too.
//!
//! Finding binaries on the system is in `binaries`.

use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tar::Archive;
use ureq::Agent;

/// The major version that is fetched for a new cluster.
pub(super) const MAJOR: u32 = 17;

/// The releases of <https://github.com/theseus-rs/postgresql-binaries>, in the form of GitHub's API
/// (<https://docs.github.com/en/rest/releases/releases#list-releases>).
const RELEASES: &str = "https://api.github.com/repos/theseus-rs/postgresql-binaries/releases";

/// How many releases are requested at once. GitHub returns no more.
const PAGE: usize = 100;

/// How many pages of releases are read at most.
const PAGES: usize = 20;

/// How long each request may take.
const LIMIT: Duration = Duration::from_secs(600);

/// The largest archive that is accepted, in bytes. Archives have 10 to 30 MB.
const LARGEST: u64 = 256 << 20;

/// One release of the list.
#[derive(Deserialize)]
struct Release {
    /// The version, such as `17.5.0`.
    tag_name: String,
    assets: Vec<Asset>,
}

/// One file of a release.
#[derive(Deserialize)]
struct Asset {
    name: String,
    browser_download_url: String,
}

/// Fetches binaries of a major version into a directory of their own below `into`, and returns
/// the directory of the programs.
pub(super) fn fetch(into: &Path, url: Option<&str>, major: u32) -> Result<PathBuf, String> {
    tracing::info!(
        major,
        "fetching PostgreSQL's server binaries, since none are installed"
    );
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(LIMIT))
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let release = find_release(&agent, url.unwrap_or(RELEASES), major)?;
    let name = format!("postgresql-{}-{}.tar.gz", release.tag_name, platform());
    let bytes = download(&agent, &release, &name, LARGEST)?;
    check(&agent, &release, &name, &bytes)?;
    let dir = into.join(&release.tag_name);
    unpack(&bytes, into, &dir)
        .map_err(|error| format!("cannot unpack {name} into {}: {error}", dir.display()))?;
    Ok(dir.join("bin"))
}

/// Returns the newest release of a major version.
fn find_release(agent: &Agent, url: &str, major: u32) -> Result<Release, String> {
    let mut newest: Option<(Vec<u32>, Release)> = None;
    for page in 1..=PAGES {
        let asked = format!("{url}?per_page={PAGE}&page={page}");
        let releases: Vec<Release> = agent
            .get(&asked)
            .call()
            .and_then(|mut answer| answer.body_mut().read_json())
            .map_err(|error| format!("{error} (from {asked})"))?;
        let is_last = releases.len() < PAGE;
        for release in releases {
            let Some(version) = version_of(&release.tag_name) else {
                continue;
            };
            let is_newer = newest.as_ref().is_none_or(|(known, _)| version > *known);
            if version.first() == Some(&major) && is_newer {
                newest = Some((version, release));
            }
        }
        if is_last {
            break;
        }
    }
    let (_, release) =
        newest.ok_or_else(|| format!("there is no release of PostgreSQL {major} (from {url})"))?;
    Ok(release)
}

/// Reads a version such as `17.5.0` as numbers. Other tags are refused, because a tag becomes the name of a directory.
fn version_of(tag: &str) -> Option<Vec<u32>> {
    tag.split('.').map(|part| part.parse().ok()).collect()
}

/// Returns the name of this platform in the names of archives.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "apple-darwin",
        _ if cfg!(target_env = "musl") => "unknown-linux-musl",
        _ => "unknown-linux-gnu",
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

fn download(agent: &Agent, release: &Release, name: &str, largest: u64) -> Result<Vec<u8>, String> {
    let asset = release
        .assets
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| format!("release {} has no {name}", release.tag_name))?;
    let url = &asset.browser_download_url;
    agent
        .get(url)
        .call()
        .and_then(|mut answer| answer.body_mut().with_config().limit(largest).read_to_vec())
        .map_err(|error| format!("{error} (from {url})"))
}

/// Checks an archive against the SHA-256 that is published beside it.
fn check(agent: &Agent, release: &Release, name: &str, bytes: &[u8]) -> Result<(), String> {
    let told = download(agent, release, &format!("{name}.sha256"), 1 << 10)?;
    let told = String::from_utf8_lossy(&told);
    let told = told.split_whitespace().next().unwrap_or_default();
    let found: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if told.eq_ignore_ascii_case(&found) {
        Ok(())
    } else {
        Err(format!("{name} has the SHA-256 {found}, expected {told}"))
    }
}

/// Unpacks an archive without its top directory. The result gets its name only when it is complete.
fn unpack(bytes: &[u8], into: &Path, dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(into)?;
    let half = tempfile::tempdir_in(into)?;
    let mut archive = Archive::new(GzDecoder::new(bytes).take(8 * LARGEST));
    archive.unpack(half.path())?;
    let mut inside = fs::read_dir(half.path())?;
    let top = match (inside.next(), inside.next()) {
        (Some(only), None) => only?.path(),
        _ => half.path().to_owned(),
    };
    open_dirs(into)?;
    open_dirs(&top)?;
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::rename(top, dir)
}

/// Makes the directories of a tree readable for all users, because the server may run as another user.
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

/// Returns advice on what to install on this system to get a server, of the major version `wanted` if given.
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
    use super::{advice_for, fetch, platform};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use sha2::{Digest, Sha256};
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Serves these files over HTTP, and returns the address.
    fn serve(files: impl FnOnce(&str) -> HashMap<String, Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let files = files(&address);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                let path = first.split([' ', '?']).nth(1).unwrap_or_default();
                let (status, body) = match files.get(path) {
                    Some(body) => ("200 OK", body.clone()),
                    None => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        address
    }

    fn archive(version: &str) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(version.len() as u64);
        header.set_mode(0o755);
        let path = format!("postgresql-{version}/bin/postgres");
        archive
            .append_data(&mut header, path, version.as_bytes())
            .expect("an entry");
        archive
            .into_inner()
            .and_then(GzEncoder::finish)
            .expect("an archive")
    }

    /// Serves releases with these versions. Each archive is listed with the SHA-256 of `hashed`, or with its own.
    fn releases(versions: &[&str], hashed: Option<&[u8]>) -> String {
        serve(|address| {
            let mut files = HashMap::new();
            let mut list = Vec::new();
            for version in versions {
                let name = format!("postgresql-{version}-{}.tar.gz", platform());
                let bytes = archive(version);
                let hash: String = Sha256::digest(hashed.unwrap_or(&bytes))
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let asset = |name: &str| serde_json::json!({"name": name, "browser_download_url": format!("{address}/{name}")});
                list.push(serde_json::json!({
                    "tag_name": version,
                    "assets": [asset(&name), asset(&format!("{name}.sha256"))],
                }));
                files.insert(
                    format!("/{name}.sha256"),
                    format!("{hash}  {name}\n").into_bytes(),
                );
                files.insert(format!("/{name}"), bytes);
            }
            files.insert(
                "/releases".to_owned(),
                serde_json::to_vec(&list).expect("JSON"),
            );
            files
        })
    }

    #[test]
    fn the_newest_release_of_a_major_version_is_fetched() {
        let address = releases(&["17.9.0", "18.1.0", "17.10.0", "16.3.0", "v17.99"], None);
        let into = tempfile::tempdir().expect("a directory");
        let releases = format!("{address}/releases");
        for _ in 0..2 {
            let programs = fetch(into.path(), Some(&releases), 17).expect("binaries");
            assert_eq!(programs, into.path().join("17.10.0/bin"));
            let text = std::fs::read_to_string(programs.join("postgres")).expect("a program");
            assert_eq!(text, "17.10.0");
        }
        let kept = std::fs::read_dir(into.path()).expect("a directory").count();
        assert_eq!(kept, 1, "nothing half unpacked is left");
    }

    #[test]
    fn what_cannot_be_fetched_is_told_with_the_reason() {
        let into = tempfile::tempdir().expect("a directory");
        let refused = |url: String| fetch(into.path(), Some(&url), 17).expect_err("refused");
        let wrong = refused(format!(
            "{}/releases",
            releases(&["17.1.0"], Some(b"other"))
        ));
        assert!(wrong.contains("has the SHA-256"), "{wrong}");
        let none = refused(format!("{}/releases", releases(&["16.1.0"], None)));
        assert!(none.contains("no release of PostgreSQL 17"), "{none}");
        let absent = refused(format!("{}/elsewhere", releases(&[], None)));
        assert!(absent.contains("404"), "{absent}");
        let closed = refused("http://127.0.0.1:9/releases".to_owned());
        assert!(closed.contains("(from http://127.0.0.1:9"), "{closed}");
        assert_eq!(
            std::fs::read_dir(into.path()).expect("a directory").count(),
            0
        );
    }

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
