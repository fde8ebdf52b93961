//! `rollcall import`.

mod arguments;
mod printing;

pub use arguments::Command;

use super::database;
use super::terminal::{output_of_others, progress_bar, say_rows};
use crate::audience::event;
use crate::audience::paging::PageRequest;
use crate::audience::setting::Missing;
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ImportFlags};
use crate::db::Db;
use crate::error::Error;
use crate::import;
use crate::import::{
    Import, ImportOptions, ImportSettings, ImportState, Progress, SpooledFile, in_place, try_run,
};
use anyhow::Context;
use indicatif::ProgressBar;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How many imports are listed.
const LISTED: usize = 20;

/// How long to wait before looking again whether another import has ended.
const PAUSE: Duration = Duration::from_millis(250);

/// Does what was asked. The code tells whether every row could be used.
pub fn run(
    database: &DatabaseSettings,
    flags: &ImportFlags,
    command: &Command,
) -> anyhow::Result<ExitCode> {
    let settings = flags.settings(Clock::System, &database::data_dir(database)?, database);
    if let Command::Subscribers(_) | Command::Events(_) = command {
        return import_file(database, flags, command, &settings);
    }
    let opened = database::open(database)?;
    database::settle(&opened.db, &flags.given(), Missing::Given)?;
    let code = look_after(&opened.db, command, &settings);
    let closed = opened.close();
    let code = code?;
    closed?;
    Ok(code)
}

/// Imports a file and prints the report.
fn import_file(
    database: &DatabaseSettings,
    flags: &ImportFlags,
    command: &Command,
    settings: &ImportSettings,
) -> anyhow::Result<ExitCode> {
    let (file, options): (&Path, ImportOptions) = match command {
        Command::Subscribers(arguments) => (&arguments.file.file, arguments.options()),
        Command::Events(arguments) => (&arguments.file.file, arguments.options()),
        _ => anyhow::bail!("there is no file to import"),
    };
    let taken = take_file(file, settings)?;
    let opened = database::open(database)?;
    database::settle(&opened.db, &flags.given(), Missing::Given)?;
    let now = settings.clock.now();
    let name = file.display().to_string();
    let imported = opened
        .db
        .run_here(|connection| import::create(connection, &options, &name, Some(&taken), now))
        .and_then(|import| run_to_end(&opened.db, &import, settings));
    let imported = imported.with_context(|| format!("\"{}\" was not imported", file.display()))?;
    if !options.is_dry_run() {
        opened.db.run_here(event::analyze)?;
    }
    let code = printing::print_result(&opened.db, &imported, settings.clock.now())?;
    opened.close()?;
    Ok(code)
}

/// Takes a file where it is; what can be read only once is copied.
fn take_file(file: &Path, settings: &ImportSettings) -> anyhow::Result<SpooledFile> {
    if file == Path::new("-") {
        return settings
            .spool
            .store(std::io::stdin().lock())
            .context("standard input was not imported");
    }
    let opened =
        File::open(file).with_context(|| format!("\"{}\" cannot be opened", file.display()))?;
    let is_file = opened.metadata().is_ok_and(|metadata| metadata.is_file());
    let is_dir = opened.metadata().is_ok_and(|metadata| metadata.is_dir());
    let taken = if is_file || is_dir {
        in_place(file)
    } else {
        settings.spool.store(opened)
    };
    taken.with_context(|| format!("\"{}\" was not imported", file.display()))
}

/// Runs an import with a progress bar, when its turn comes.
fn run_to_end(db: &Db, import: &Import, settings: &ImportSettings) -> Result<Import, Error> {
    let [size, done_bytes, done_rows] = [import.file_size, import.done_bytes, import.done_rows]
        .map(|number| u64::try_from(number).unwrap_or_default());
    // What an earlier run did says nothing about how fast this one is.
    let bar = progress_bar(size).with_position(done_bytes);
    bar.reset_eta();
    bar.set_message("reads the file");
    let progress = |progress: Progress| {
        bar.set_position(progress.bytes);
        say_rows(&bar, progress.rows, done_rows);
    };
    let result = wait_and_run(db, import, settings, &bar, progress);
    bar.finish_and_clear();
    result
}

fn wait_and_run(
    db: &Db,
    import: &Import,
    settings: &ImportSettings,
    bar: &ProgressBar,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Import, Error> {
    loop {
        if let Some(done) = try_run(db, import.id, settings, &mut progress)? {
            return Ok(done);
        }
        bar.set_message("waits for another import to end");
        bar.tick();
        std::thread::sleep(PAUSE);
        // A server may have run it meanwhile.
        let now = db.run_here(|connection| import::get(connection, import.id))?;
        match now.state() {
            ImportState::Ready | ImportState::Running => {}
            ImportState::Failed => {
                let why = now.error.unwrap_or_else(|| "it failed".to_owned());
                return Err(Error::invalid("import", why));
            }
            _ => return Ok(now),
        }
    }
}

/// Does something with imports that exist.
fn look_after(db: &Db, command: &Command, settings: &ImportSettings) -> anyhow::Result<ExitCode> {
    let now = settings.clock.now();
    match command {
        Command::Show(one) => {
            let import = db.run_here(|connection| import::get(connection, one.id))?;
            printing::print_import(&import);
            return printing::print_result(db, &import, now);
        }
        Command::Resume(one) => {
            let import = db.run_here(|connection| import::resume(connection, one.id))?;
            let done = run_to_end(db, &import, settings);
            let done = done.with_context(|| format!("import {} was not resumed", one.id))?;
            if !done.is_dry_run() {
                db.run_here(event::analyze)?;
            }
            return printing::print_result(db, &done, now);
        }
        Command::Cancel(one) => {
            let import = import::cancel(db, one.id, settings)?;
            match import.state() {
                ImportState::Running => println!(
                    "import {} stops after the batch that is being written",
                    one.id
                ),
                state => println!("import {} is {}", one.id, state.as_str()),
            }
        }
        Command::Undo(one) => {
            let undone = import::undo(db, one.id, now);
            undone.with_context(|| format!("import {} was not undone", one.id))?;
            println!("import {} is undone", one.id);
        }
        Command::Problems(one) => db.run_here(|connection| {
            import::get(connection, one.id)?;
            import::write_problems(connection, one.id, &mut output_of_others())
        })?,
        _ => {
            let page = PageRequest::first(LISTED);
            let imports = db.run_here(|connection| import::list_page(connection, &page))?;
            printing::print_list(&imports.rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}
