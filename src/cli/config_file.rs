//! `--config`: a TOML file whose values are defaults of flags, so that flags and environment variables win; and
//! `rollcall config check`.

use super::CommandLine;
use super::terminal::say;
use crate::rule::nearest;
use anyhow::{Context, anyhow, bail};
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use toml::{Table, Value};

const FLAG: &str = "--config";
const VARIABLE: &str = "ROLLCALL_CONFIG";

/// Subcommands of `rollcall config`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ConfigCommand {
    /// Read the file of `--config` and say what is wrong with it, or which settings it has.
    Check,
}

/// A flag that the file sets, with its values as the command line would have them.
struct Given {
    name: String,
    values: Vec<String>,
}

/// Returns the command line with the defaults of the file that `arguments`, or else the environment, names.
pub fn command(arguments: &[OsString]) -> anyhow::Result<Command> {
    let command = CommandLine::command();
    let Some(path) = find_path(arguments) else {
        return Ok(command);
    };
    let given = read(&path, &command)?;
    Ok(with_defaults(command, &given))
}

/// Runs the subcommand of `rollcall config`.
pub fn run(config: Option<&Path>, command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let ConfigCommand::Check = command;
    let path =
        config.ok_or_else(|| anyhow!("expected a file: rollcall config check --config FILE"))?;
    let given = read(path, &CommandLine::command())?;
    for Given { name, .. } in &given {
        // Values can be secrets.
        say(name);
    }
    say(&format!(
        "{}: {} settings, all of which can be used",
        path.display(),
        given.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Finds the file before the arguments are parsed, since parsing needs its defaults.
fn find_path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == FLAG {
            return arguments.next().map(PathBuf::from);
        }
        let text = argument.to_str().and_then(|text| text.strip_prefix(FLAG));
        if let Some(path) = text.and_then(|text| text.strip_prefix('=')) {
            return Some(path.into());
        }
    }
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Lists the flags of all commands that are settings: those with an environment variable.
fn list_settings(command: &Command) -> Vec<&Arg> {
    let mut found: Vec<&Arg> = Vec::new();
    let commands = std::iter::once(command).chain(command.get_subcommands());
    for arg in commands.flat_map(Command::get_arguments) {
        let is_setting =
            arg.get_env().is_some() && arg.get_long().is_some_and(|name| name != "config");
        let is_new = found.iter().all(|known| known.get_long() != arg.get_long());
        if is_setting && is_new {
            found.push(arg);
        }
    }
    found
}

fn read(path: &Path, command: &Command) -> anyhow::Result<Vec<Given>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the file \"{shown}\" of --config cannot be read"))?;
    let table: Table = text
        .parse()
        .with_context(|| format!("the file \"{shown}\" of --config is not TOML"))?;
    let known = list_settings(command);
    let mut given = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in &table {
        let found = known.iter().find(|arg| arg.get_long() == Some(name));
        let checked = match found {
            Some(arg) => check(arg, name, value),
            None => Err(unknown(name, &known)),
        };
        match checked {
            Ok(one) => given.push(one),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    if problems.is_empty() {
        return Ok(given);
    }
    bail!(
        "the file \"{shown}\" of --config cannot be used:\n  {}",
        problems.join("\n  ")
    )
}

fn unknown(name: &str, known: &[&Arg]) -> String {
    let names: Vec<&str> = known.iter().filter_map(|arg| arg.get_long()).collect();
    // The name may be spelled like an environment variable.
    let spelled = name.replace('_', "-").to_lowercase();
    let hint = nearest(&spelled, names.iter().copied());
    format!(
        "expected the name of a setting{}",
        hint.map_or_else(
            || format!(": {}", names.join(", ")),
            |hint| format!("; {hint}")
        )
    )
}

/// Checks a value as the command line would.
fn check(arg: &Arg, name: &str, value: &Value) -> Result<Given, String> {
    let is_switch = !arg.get_action().takes_values();
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let values = match (value, is_switch) {
        (Value::Boolean(false), true) => {
            return Ok(Given {
                name: name.to_owned(),
                values: vec!["false".to_owned()],
            });
        }
        (Value::Boolean(true), true) => vec!["true".to_owned()],
        (_, true) => return Err("expected true or false".to_owned()),
        (Value::Array(values), false) if is_list => {
            values.iter().map(text_of).collect::<Result<_, _>>()?
        }
        (value, false) => vec![text_of(value)?],
    };
    let line = values.iter().map(|value| match is_switch {
        true => format!("--{name}"),
        false => format!("--{name}={value}"),
    });
    let alone = Command::new("check")
        .no_binary_name(true)
        .arg(arg.clone().global(false).required(false));
    match alone.try_get_matches_from(line) {
        Ok(_) => Ok(Given {
            name: name.to_owned(),
            values,
        }),
        Err(error) => {
            let text = error.to_string();
            let text = text.lines().next().unwrap_or_default();
            Err(text.strip_prefix("error: ").unwrap_or(text).to_owned())
        }
    }
}

fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        // TOML has values for times of day.
        Value::Datetime(moment) => Ok(moment.to_string()),
        Value::Boolean(_) | Value::Array(_) | Value::Table(_) => Err(format!(
            "expected a text or a number, found {}",
            value.type_str()
        )),
    }
}

/// Gives flags their defaults, in every command that has them.
fn with_defaults(mut command: Command, given: &[Given]) -> Command {
    let ids: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| {
            let one = given.iter().find(|one| arg.get_long() == Some(&one.name))?;
            Some((arg.get_id().clone(), one.values.clone()))
        })
        .collect();
    for (id, values) in ids {
        command = command.mut_arg(id, |arg| arg.default_values(values.clone()));
    }
    command.mut_subcommands(|subcommand| with_defaults(subcommand, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_among_the_arguments() {
        let find = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            find_path(&arguments).map(|path| path.display().to_string())
        };
        assert_eq!(
            find(&["rollcall", "--config", "a.toml", "serve"]),
            Some("a.toml".to_owned())
        );
        assert_eq!(
            find(&["rollcall", "serve", "--config=b.toml"]),
            Some("b.toml".to_owned())
        );
        assert_eq!(
            find(&["rollcall", "database", "shell", "--", "--config", "c"]),
            None
        );
    }
}
