//! Builds the pages, so that the binary carries them and needs no network: the console and GraphiQL.
//!
//! With npm, the workspace in `web` is built into `$OUT_DIR/console` and `$OUT_DIR/graphiql`; the checkout is only read.
//! Without npm, without a network or after any other failure, the pages `fallback.html` take their places and a warning
//! says why: a build never fails because of the pages, unless `ROLLCALL_GRAPHIQL=bundle` asks for that.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where the sources are, from the package's root.
const SOURCES: &str = "web";

/// The pages. Each is a workspace there and a folder in `$OUT_DIR`.
const SITES: [&str; 2] = ["console", "graphiql"];

/// What npm needs of the workspace.
const WORKSPACE: [&str; 5] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "console/package.json",
    "graphiql/package.json",
];

/// What Vite needs of the pages. Named one by one, so that a developer's `node_modules` never counts as a change.
const PARTS: [&str; 10] = [
    "console/vite.config.js",
    "console/index.html",
    "console/src",
    "console/fallback.html",
    "console/tsconfig.json",
    "graphiql/vite.config.js",
    "graphiql/index.html",
    "graphiql/src",
    "graphiql/examples",
    "graphiql/fallback.html",
];

/// The page for builds without npm.
const FALLBACK: &str = "fallback.html";

/// How long npm and Vite may take together.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// npm is a script on Windows.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    println!("cargo::rerun-if-env-changed=ROLLCALL_GRAPHIQL");
    for part in WORKSPACE.iter().chain(&PARTS) {
        println!("cargo::rerun-if-changed={SOURCES}/{part}");
    }
    // The migrations are embedded by a macro, which cannot say so itself.
    println!("cargo::rerun-if-changed=migrations");

    match provide_pages() {
        Ok(kind) => println!("cargo::rustc-env=ROLLCALL_PAGES_KIND={kind}"),
        Err(error) => println!("cargo::error=The pages: {error}"),
    }
}

/// Fills the folders of the pages in `$OUT_DIR` and says with what.
fn provide_pages() -> Result<&'static str> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let asked_for = env::var("ROLLCALL_GRAPHIQL").unwrap_or_default();
    let warning = match asked_for.as_str() {
        "" | "bundle" => match build_bundle(&out_dir.join("web-build"), &out_dir) {
            Ok(()) => return Ok("bundle"),
            Err(error) if asked_for == "bundle" => return Err(error),
            Err(error) => format!(
                "{error}. /console/ and /graphiql will be plain fall-back pages. For the console and the whole \
                 GraphiQL, have Node.js 20.19, or 22.12 or newer, with npm and access to a package registry, and build with \
                 ROLLCALL_GRAPHIQL=bundle"
            ),
        },
        "fallback" => {
            "/console/ and /graphiql will be plain fall-back pages, as ROLLCALL_GRAPHIQL=fallback asks. \
             Unset it to have the console and the whole GraphiQL"
                .to_owned()
        }
        other => {
            return Err(format!(
                "ROLLCALL_GRAPHIQL is {other:?}, but can only be bundle or fallback"
            )
            .into());
        }
    };
    for site in SITES {
        write_fallback(site, &out_dir.join(site))?;
    }
    println!("cargo::warning=The pages: {warning}.");
    Ok("fallback")
}

// --- The bundle ---

/// Builds the bundles in `workshop` and leaves the results in the folders of `out_dir`.
fn build_bundle(workshop: &Path, out_dir: &Path) -> Result<()> {
    let deadline = Instant::now() + TIME_LIMIT;
    let sources = Path::new(SOURCES);
    for part in WORKSPACE.iter().chain(&PARTS) {
        let to = workshop.join(part);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        remove(&to)?;
        copy(&sources.join(part), &to)?;
    }

    // Packages stay from one build to the next: changing an example must not need the network.
    let stamp = workshop.join("installed-lock.json");
    let lock = fs::read(sources.join("package-lock.json"))?;
    let run_all = || {
        SITES
            .iter()
            .try_for_each(|site| run_vite(&workshop.join(site), &out_dir.join(site), deadline))
    };
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) && run_all().is_ok() {
        return Ok(());
    }
    remove(&stamp)?;
    run_npm(workshop, deadline)?;
    run_all()?;
    fs::write(stamp, lock)?;
    Ok(())
}

/// Installs exactly what the lock file names. No package's own script is run.
fn run_npm(workshop: &Path, deadline: Instant) -> Result<()> {
    let mut npm = Command::new(NPM);
    npm.args([
        "ci",
        "--ignore-scripts",
        "--omit=dev",
        "--include=optional",
        "--prefer-offline",
    ])
    .args([
        "--no-audit",
        "--no-fund",
        "--no-progress",
        "--no-update-notifier",
        "--loglevel=error",
    ])
    // A build without a network should find that out in seconds.
    .args([
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=2000",
    ]);
    run(&mut npm, workshop, deadline)
}

/// Builds the installed sources into `site`.
fn run_vite(sources: &Path, site: &Path, deadline: Instant) -> Result<()> {
    // Vite is started without npm and its shell between, so that stopping it at the time limit stops it.
    let mut vite = Command::new("node");
    vite.args([
        "../node_modules/vite/bin/vite.js",
        "build",
        "--emptyOutDir",
        "--logLevel=warn",
        "--outDir",
    ])
    .arg(site)
    .env("NODE_ENV", "production");
    run(&mut vite, sources, deadline)?;
    if site.join("index.html").is_file() {
        Ok(())
    } else {
        Err("vite made no index.html".into())
    }
}

/// Runs a command in `workshop`; its output goes to a log file there.
fn run(command: &mut Command, workshop: &Path, deadline: Instant) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let log_path = workshop.join(format!("{name}.log"));
    let log = File::create(&log_path)?;
    let started = command
        .current_dir(workshop)
        .env("NO_COLOR", "1")
        .env("FORCE_COLOR", "0")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    let mut child = started.map_err(|error| format!("{name} cannot be started ({error})"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(format!(
                "{name} was stopped after {} minutes",
                TIME_LIMIT.as_secs() / 60
            )
            .into());
        }
        thread::sleep(Duration::from_millis(50));
    };
    if status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
    // The first lines that say what is wrong, not only that something is; a warning of cargo's is a single line.
    let errors: Vec<_> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.ends_with(':') && !line.starts_with('✗'))
        .take(2)
        .collect();
    Err(format!(
        "{name} failed ({status}: {}; see {})",
        errors.join("; "),
        log_path.display()
    )
    .into())
}

// --- The fall-back page ---

/// Puts a fall-back page into its folder. That of GraphiQL gets the examples, and its script as a file of its own.
fn write_fallback(name: &str, site: &Path) -> Result<()> {
    const EXAMPLES: &str = r#"<script id="examples" type="application/json">[]</script>"#;
    const OPENING: &str = "<script>\n";
    const CLOSING: &str = "</script>";

    let page = fs::read_to_string(Path::new(SOURCES).join(name).join(FALLBACK))?;
    remove(site)?;
    fs::create_dir_all(site.join("assets"))?;
    if name == "console" {
        return Ok(fs::write(site.join("index.html"), page)?);
    }
    let incomplete = || format!("{FALLBACK} has no script, or no place for the examples");
    let (head, rest) = page.split_once(OPENING).ok_or_else(incomplete)?;
    let (script, tail) = rest.split_once(CLOSING).ok_or_else(incomplete)?;
    if !head.contains(EXAMPLES) {
        return Err(incomplete().into());
    }
    let head = head.replace(EXAMPLES, &EXAMPLES.replace("[]", &examples_json()?));

    let mut hasher = DefaultHasher::new();
    script.hash(&mut hasher);
    let asset = format!("assets/fallback-{:016x}.js", hasher.finish());

    fs::write(site.join(&asset), script)?;
    fs::write(
        site.join("index.html"),
        format!("{head}<script src=\"/graphiql/{asset}\">{CLOSING}{tail}"),
    )?;
    Ok(())
}

/// The examples as `[{"name":…,"query":…}]`, in the order of their files' names.
fn examples_json() -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(SOURCES).join("graphiql/examples"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "graphql")
        {
            files.push(path);
        }
    }
    files.sort();

    let mut examples = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
            .replace('-', " ");
        let query = fs::read_to_string(&path)?;
        examples.push(format!(
            "{{\"name\":{},\"query\":{}}}",
            json_string(&name),
            json_string(&query)
        ));
    }
    Ok(format!("[{}]", examples.join(",")))
}

/// A JSON string that may also stand inside an HTML script element.
fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' || c == '<' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

// --- Files ---

/// Copies a file or a folder by content: a read-only checkout gives a writable copy.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let content = fs::read(from)
            .map_err(|error| format!("{} cannot be read ({error})", from.display()))?;
        return Ok(fs::write(to, content)?);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}
