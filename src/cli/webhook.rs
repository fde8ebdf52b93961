//! `rollcall webhook`: webhooks, which send changes to other systems.

use super::audited::entry;
use super::database;
use super::terminal::harmless;
use crate::audience::audit::{self, TargetKind, Trace};
use crate::clock::Clock;
use crate::config::{DatabaseSettings, WebhookFlags};
use crate::db::Db;
use crate::rule::{nearest, parse_instant};
use crate::webhook::{self, Attempt, Delivery, Draft, MessageType, SendRules, Webhook};
use chrono::{DateTime, SubsecRound, Utc};
use std::process::ExitCode;

/// Subcommands of `rollcall webhook`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Create a webhook and print its secret, this once. The webhook gets changes from now on.
    Create(Create),
    /// List the webhooks.
    List,
    /// Send a message of the type webhook.test and print what the receiver answers.
    Test(Named),
    /// Send everything since a moment of the past again.
    Replay(Replay),
}

/// Arguments of `rollcall webhook create`.
#[derive(Debug, Clone, clap::Args)]
pub struct Create {
    /// What the webhook is for, such as "shop".
    name: String,

    /// Where messages are sent, such as https://shop.example.com/rollcall.
    url: String,

    /// A type of message that the webhook receives, such as segment.members.changed; may be given several times.
    #[arg(long = "type", value_name = "TYPE", required = true, value_parser = parse_type)]
    types: Vec<MessageType>,

    /// The key of a segment to follow; may be given several times. All if absent.
    #[arg(long = "segment", value_name = "KEY")]
    segments: Vec<String>,

    /// The key of a group to follow; may be given several times. All if absent.
    #[arg(long = "group", value_name = "KEY")]
    groups: Vec<String>,

    /// A field of people in messages, in addition to id and email, such as firstName or custom.plan; may be given
    /// several times.
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,

    /// How many people a message has at most.
    #[arg(long, value_name = "NUMBER", default_value_t = webhook::DEFAULT_PEOPLE as i32)]
    people: i32,
}

/// The argument that names a webhook.
#[derive(Debug, Clone, clap::Args)]
pub struct Named {
    /// The id or the name of the webhook, as `rollcall webhook list` shows them.
    #[arg(value_name = "ID|NAME")]
    webhook: String,
}

/// Arguments of `rollcall webhook replay`.
#[derive(Debug, Clone, clap::Args)]
pub struct Replay {
    #[command(flatten)]
    named: Named,

    /// The moment since which everything is sent again, such as 2026-03-01T00:00:00Z. The current time skips waiting
    /// changes.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    since: DateTime<Utc>,
}

/// Runs the subcommand.
pub fn run(
    database: &DatabaseSettings,
    flags: &WebhookFlags,
    command: &Command,
) -> anyhow::Result<ExitCode> {
    let opened = database::open(database)?;
    let settings = flags.settings(String::new());
    let rules = settings.sender.rules;
    let now = Clock::System.now();
    let mut code = ExitCode::SUCCESS;
    match command {
        Command::Create(arguments) => create(&opened.db, arguments, rules, now)?,
        Command::List => list(&opened.db)?,
        Command::Test(named) => {
            let delivery = Delivery {
                db: opened.db.clone(),
                clock: Clock::System,
                settings,
            };
            let found = opened
                .db
                .run_here(|connection| webhook::get_by_name(connection, &named.webhook))?;
            let attempt = delivery.send_test(found.id)?;
            let trace = Trace::of(TargetKind::Webhook, found.id);
            let entry = entry("sendTestWebhook", now);
            opened
                .db
                .run_here(|connection| audit::write(connection, &entry, &trace))?;
            print_attempt(&found, &attempt);
            if !attempt.is_delivered {
                code = ExitCode::FAILURE;
            }
        }
        Command::Replay(arguments) => replay(&opened.db, arguments, now)?,
    }
    opened.close()?;
    Ok(code)
}

/// Prints the secret alone on standard output, so that `SECRET=$(rollcall webhook create ...)` works.
fn create(db: &Db, arguments: &Create, rules: SendRules, now: DateTime<Utc>) -> anyhow::Result<()> {
    let filter = |keys: &[String]| (!keys.is_empty()).then(|| keys.to_vec());
    let draft = Draft {
        name: Some(arguments.name.clone()),
        url: Some(arguments.url.clone()),
        types: Some(arguments.types.clone()),
        segments: Some(filter(&arguments.segments)),
        groups: Some(filter(&arguments.groups)),
        fields: Some(arguments.fields.clone()),
        people_per_message: Some(arguments.people),
        is_enabled: None,
    };
    let (made, secret) = db.run_here(|connection| {
        let entry = entry("createWebhook", now);
        webhook::create(connection, &draft, rules, now, &entry)
    })?;
    eprintln!(
        "webhook {} \"{}\" gets changes from now on. Its secret is shown this once:",
        made.id,
        harmless(&made.name)
    );
    println!("{}", secret.reveal());
    Ok(())
}

fn list(db: &Db) -> anyhow::Result<()> {
    let found = db.run_here(webhook::list)?;
    if found.is_empty() {
        eprintln!("there are no webhooks");
        return Ok(());
    }
    let mut rows = vec![["ID", "NAME", "URL", "STATE", "TYPES"].map(str::to_owned)];
    rows.extend(found.iter().map(row));
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
    Ok(())
}

fn row(webhook: &Webhook) -> [String; 5] {
    let state = match (webhook.disabled_reason(), webhook.failing_since) {
        (Some(reason), _) => format!("disabled ({})", reason.name()),
        (None, Some(since)) => format!("failing since {}", show(since)),
        (None, None) => "enabled".to_owned(),
    };
    let types = webhook.types.0.iter().map(|kind| kind.name());
    [
        webhook.id.to_string(),
        harmless(&webhook.name),
        harmless(&webhook.url),
        state,
        types.collect::<Vec<_>>().join(" "),
    ]
}

fn print_attempt(webhook: &Webhook, attempt: &Attempt) {
    let name = harmless(&webhook.name);
    let outcome = match (attempt.status, &attempt.error) {
        (Some(status), _) => format!("answered {status}"),
        (None, error) => error.clone().unwrap_or_default(),
    };
    println!(
        "webhook {} \"{name}\": {} after {} ms",
        webhook.id,
        harmless(&outcome),
        attempt.took_ms
    );
    if let Some(answer) = attempt
        .answer
        .as_deref()
        .filter(|answer| !answer.is_empty())
    {
        answer
            .lines()
            .for_each(|line| println!("{}", harmless(line)));
    }
}

fn replay(db: &Db, arguments: &Replay, now: DateTime<Utc>) -> anyhow::Result<()> {
    let since = arguments.since;
    let replayed = db.run_here(|connection| {
        let found = webhook::get_by_name(connection, &arguments.named.webhook)?;
        let entry = entry("replayWebhook", now);
        webhook::replay(connection, found.id, since, now, &entry)
    })?;
    println!(
        "webhook {} \"{}\" is sent everything since {}",
        replayed.id,
        harmless(&replayed.name),
        show(since)
    );
    if replayed.disabled_since.is_some() {
        eprintln!("the webhook is disabled, and gets messages when it is enabled again");
    }
    Ok(())
}

fn show(time: DateTime<Utc>) -> String {
    // To the second, rounded down, which is enough for people.
    time.trunc_subsecs(0)
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn parse_type(text: &str) -> Result<MessageType, String> {
    MessageType::find(text).ok_or_else(|| {
        let names = MessageType::CHOICES.map(MessageType::name);
        match nearest(text, names) {
            Some(hint) => format!("expected a type of messages; {hint}"),
            None => format!("expected one of {}", names.join(", ")),
        }
    })
}
