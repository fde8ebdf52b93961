//! What benchmarks stand on: a Postgres of their own, statements, and time that passes.

use diesel::connection::SimpleConnection;
use rollcall::db::embedded::{EmbeddedOptions, EmbeddedPostgres};
use rollcall::db::{Db, migrate};
use std::time::{Duration, Instant};

/// Runs over the empty database of that address, or over one of the benchmark's own; `run` is told the address.
pub fn with_database(
    url: Option<&str>,
    run: impl FnOnce(&Db, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let scratch = tempfile::Builder::new()
        .prefix("rollcall-bench-")
        .tempdir_in("/tmp")?;
    // As root, Postgres runs as another user, who must be able to come here.
    #[cfg(unix)]
    std::fs::set_permissions(
        scratch.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let (url, postgres) = match url {
        Some(url) => (url.to_owned(), None),
        None => {
            let options = EmbeddedOptions::lasting(scratch.path().join("data"));
            let postgres = EmbeddedPostgres::start(&options)?;
            (postgres.url().to_owned(), Some(postgres))
        }
    };
    let db = Db::open(&url, 4)?;
    db.run_here(|connection| migrate(connection).map(drop))?;
    let result = run(&db, &url);
    drop(db);
    if let Some(postgres) = postgres {
        postgres.stop()?;
    }
    result
}

/// Does something and returns how long it took.
pub fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

/// Runs statements.
pub fn execute(db: &Db, sql: &str) -> anyhow::Result<()> {
    Ok(db.run_here(|connection| Ok(connection.batch_execute(sql)?))?)
}
