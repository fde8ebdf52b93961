//! `rollcall import`.

mod arguments;
mod page;
mod printing;

pub use arguments::Command;

use super::audited::entry;
use super::database;
use super::terminal::{Watched, harmless, output_of_others, progress_bar, say, say_rows, wrapped};
use crate::audience::audit::{TargetKind, Trace, within};
use crate::audience::event;
use crate::audience::paging::PageRequest;
use crate::audience::setting::Missing;
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ImportFlags};
use crate::db::Db;
use crate::error::{Error, InputProblem, first_problems};
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

/// The width to which messages are wrapped.
const WIDTH: usize = 80;

/// How many imports are listed.
const LISTED: usize = 20;

/// How long to wait for another import before the next poll.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs the subcommand. The exit code says whether every row could be used.
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
    let import = opened.db.run_here(|connection| {
        within(connection, &entry("createImport", now), |connection| {
            let import = import::create(connection, &options, &name, Some(&taken), now)?;
            Ok(traced(import))
        })
    })?;
    let ran = run_to_end(&opened.db, &import, settings);
    let looked = opened
        .db
        .run_here(|connection| import::get(connection, import.id))?;
    let is_open = looked
        .analysis()
        .is_some_and(|analysis| !analysis.questions.is_empty());
    let code = match ran {
        Err(_) if is_open => {
            print_page(&looked, file)
                .iter()
                .for_each(|line| eprintln!("{line}"));
            import::discard(&opened.db, import.id)?;
            ExitCode::FAILURE
        }
        Err(Error::Invalid(problems)) => {
            print_problems(file, &problems);
            ExitCode::FAILURE
        }
        Err(error) => {
            return Err(error).with_context(|| format!("\"{}\" was not imported", file.display()));
        }
        Ok(imported) => {
            if options.is_dry_run() {
                print_page(&looked, file).iter().for_each(|line| say(line));
            } else {
                opened.db.run_here(event::analyze)?;
            }
            let refused = keep_refused(&opened.db, &imported, file);
            printing::print_result(&opened.db, &imported, settings.clock.now(), &refused)?
        }
    };
    opened.close()?;
    Ok(code)
}

/// Returns the command as it was given, without the name of the program and without the password of a database.
fn given_command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    for place in 0..words.len() {
        let is_url = place > 0 && words[place - 1] == "--database-url";
        if is_url && words[place].contains('@') {
            words[place] = "DATABASE_URL".to_owned();
        }
        if words[place].starts_with("--database-url=") {
            words[place] = "--database-url=DATABASE_URL".to_owned();
        }
    }
    words
}

/// Returns the lines of the page about what an import does with a file.
fn print_page(import: &Import, file: &Path) -> Vec<String> {
    let analysis = import.analysis().unwrap_or_default();
    let form = import.form();
    let name = file.display().to_string();
    page::page(
        &analysis,
        form.as_ref(),
        &name,
        &given_command(),
        import.kind,
    )
}

/// Prints the problems of the arguments, each on a line, and the command that lists all arguments.
fn print_problems(file: &Path, problems: &[InputProblem]) {
    let name = harmless(&file.display().to_string());
    eprintln!("rollcall: \"{name}\" was not imported:");
    for problem in first_problems(problems.to_vec()) {
        let text = harmless(&format!("  {problem}"));
        wrapped(&text, WIDTH)
            .iter()
            .for_each(|line| eprintln!("{line}"));
    }
    eprintln!("all options: rollcall import subscribers --help");
}

/// Writes the refused rows to a file beside the imported one, to be corrected and imported again. Returns the lines to
/// print about it.
fn keep_refused(db: &Db, import: &Import, file: &Path) -> Vec<String> {
    if import.is_dry_run() || import.report().refused == 0 || !file.is_file() {
        return Vec::new();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let path = file.with_file_name(format!("{stem}.refused-{}.csv", import.id));
    let written = File::create_new(&path).is_ok_and(|output| {
        let mut output = std::io::BufWriter::new(output);
        let written =
            db.run_here(|connection| import::write_refused(connection, import, &mut output));
        written.is_ok() && std::io::Write::flush(&mut output).is_ok()
    });
    if !written {
        return vec![format!(
            "the refused rows: rollcall import refused {}",
            import.id
        )];
    }
    let mut command = given_command();
    let name = file.display().to_string();
    for word in command.iter_mut().filter(|word| **word == name) {
        *word = path.display().to_string();
    }
    let mut lines =
        vec!["the refused rows are in a file: correct them there and import it:".to_owned()];
    lines.extend(page::command_text(&command));
    lines
}

/// Calls `write` with standard output. A pipe that its reader has closed is no error.
fn to_output(
    db: &Db,
    mut write: impl FnMut(
        &mut diesel::PgConnection,
        &mut Watched<Box<dyn std::io::Write>>,
    ) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut output = Watched::new(output_of_others());
    let written = db.run_here(|connection| write(connection, &mut output));
    if output.is_closed {
        return Ok(());
    }
    written
}

/// Returns a file for the import, read in place. A file that can be read only once, such as a pipe, is copied to the
/// spool.
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

/// Runs an import with a progress bar, after the imports before it.
fn run_to_end(db: &Db, import: &Import, settings: &ImportSettings) -> Result<Import, Error> {
    let [size, done_bytes, done_rows] = [import.file_size, import.done_bytes, import.done_rows]
        .map(|number| u64::try_from(number).unwrap_or_default());
    // Rows of an earlier run say nothing about the speed of this one.
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
        // A server may have run the import meanwhile.
        let now = db.run_here(|connection| import::get(connection, import.id))?;
        match now.state() {
            ImportState::Ready | ImportState::Running => {}
            ImportState::Failed => {
                let why = now.error.unwrap_or_else(|| "the import failed".to_owned());
                return Err(Error::invalid("import", why));
            }
            _ => return Ok(now),
        }
    }
}

/// Returns an import with its trace for the audit log.
fn traced(import: Import) -> (Import, Trace) {
    let trace = Trace::of(TargetKind::Import, import.id);
    (import, trace)
}

/// Runs a subcommand about existing imports.
fn look_after(db: &Db, command: &Command, settings: &ImportSettings) -> anyhow::Result<ExitCode> {
    let now = settings.clock.now();
    match command {
        Command::Show(one) => {
            let import = db.run_here(|connection| import::get(connection, one.id))?;
            printing::print_import(&import);
            return printing::print_result(db, &import, now, &[]);
        }
        Command::Resume(one) => {
            let import = db.run_here(|connection| {
                within(connection, &entry("resumeImport", now), |connection| {
                    Ok(traced(import::resume(connection, one.id)?))
                })
            })?;
            let done = run_to_end(db, &import, settings);
            let done = done.with_context(|| format!("import {} was not resumed", one.id))?;
            if !done.is_dry_run() {
                db.run_here(event::analyze)?;
            }
            return printing::print_result(db, &done, now, &[]);
        }
        Command::Cancel(one) => {
            let import = import::cancel(db, one.id, settings, &entry("cancelImport", now))?;
            match import.state() {
                ImportState::Running => say(&format!(
                    "import {} stops after the batch that is being written",
                    one.id
                )),
                state => say(&format!("import {} is {}", one.id, state.as_str())),
            }
        }
        Command::Undo(one) => {
            let undone = import::undo_as(db, one.id, now, &entry("undoImport", now));
            undone.with_context(|| format!("import {} was not undone", one.id))?;
            say(&format!("import {} is undone", one.id));
        }
        Command::Problems(one) => to_output(db, |connection, output| {
            import::get(connection, one.id)?;
            import::write_problems(connection, one.id, output)
        })?,
        Command::Refused(one) => to_output(db, |connection, output| {
            let import = import::get(connection, one.id)?;
            import::write_refused(connection, &import, output)
        })?,
        _ => {
            let page = PageRequest::first(LISTED);
            let imports = db.run_here(|connection| import::list_page(connection, &page))?;
            printing::print_list(&imports.rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}
