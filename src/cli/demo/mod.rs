//! `rollcall demo`: serves real purchases of anonymous customers, with a clock that starts in July 1998.

use super::audited::entry;
use super::database;
use super::serve::{ServingArguments, serve};
use crate::audience::audit::{self, TargetKind, Trace};
use crate::audience::segment::{SegmentMode, create, find_by_key};
use crate::audience::setting::Missing;
use crate::audience::upsert::{Upsert, upsert};
use crate::audience::{event, group, subscriber_changes};
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ImportFlags, ScheduleSettings, WebhookFlags};
use crate::db::Db;
use crate::db::embedded::default_data_dir;
use crate::db::schema::{events, refreshes, subscribers};
use crate::error::Error;
use crate::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use crate::past::history::Trigger;
use crate::refresh::{Selection, refresh, refresh_pending};
use crate::rule::CustomType;
use anyhow::{Context, bail};
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use std::process::ExitCode;

const SUBSCRIBERS: &str = include_str!("subscribers.csv");
const EVENTS: &str = include_str!("events.csv");

/// The day after the data ends.
const START: &str = "1998-07-01T09:00:00Z";

/// How many weeks before [`START`] the history begins. Segments are refreshed weekly from then on.
const WEEKS: i64 = 26;

/// The group of all customers of the sample.
const SAMPLE_GROUP: &str = "cdnow-sample";

/// Arguments of `rollcall demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    serving: ServingArguments,

    /// Only load the data; do not serve it.
    #[arg(long)]
    load_only: bool,
}

/// Loads the missing parts of the sample, and serves it.
pub fn run(
    database: &DatabaseSettings,
    schedule: &ScheduleSettings,
    imports: &ImportFlags,
    webhooks: &WebhookFlags,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let data_dir = match &database.data_dir {
        Some(dir) => dir.clone(),
        // A directory of its own, so that the sample and the real data are never mixed.
        None => default_data_dir()?.with_file_name("rollcall-demo"),
    };
    let settings = arguments.serving.settings()?;
    let opened = database::open_at(database, &data_dir)?;
    let given = [schedule.given(), imports.given()].concat();
    database::settle(&opened.db, &given, Missing::Defaults)?;
    let start: DateTime<Utc> = START.parse().context("the demo's start")?;
    let clock = Clock::going_from(start);
    load(&opened.db, schedule, &clock)?;
    if arguments.load_only {
        opened.close()?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "Demo: 2,357 customers of an online record shop and their purchases, as of July 1998."
    );
    let imports = imports.settings(clock.clone(), &data_dir, database);
    serve(opened, schedule, imports, webhooks, settings, clock)
}

/// Loads the missing parts of the sample. Each step can be interrupted and repeated.
fn load(db: &Db, schedule: &ScheduleSettings, clock: &Clock) -> anyhow::Result<()> {
    let has_strangers: bool = db.run_here(|connection| {
        let ours = subscribers::table.filter(subscribers::email.like("cdnow-%@example.com"));
        let has_ours: bool = diesel::select(diesel::dsl::exists(ours)).get_result(connection)?;
        let anyone = subscribers::table.select(subscribers::id);
        let has_anyone: bool =
            diesel::select(diesel::dsl::exists(anyone)).get_result(connection)?;
        // Other subscribers may have been added to those of the demo.
        Ok(has_anyone && !has_ours)
    })?;
    if has_strangers {
        bail!(
            "this database has subscribers that are not of the demo; run the demo without DATABASE_URL and --data-dir, or serve this one with `rollcall serve`"
        );
    }
    let is_refreshed: bool = db.run_here(|connection| {
        let any = refreshes::table.select(refreshes::id);
        Ok(diesel::select(diesel::dsl::exists(any)).get_result(connection)?)
    })?;
    // The first start begins in the past, so that there is a history to look at.
    let began = if is_refreshed {
        clock.now()
    } else {
        clock.now() - Duration::weeks(WEEKS)
    };
    let has_events: bool = db.run_here(|connection| {
        Ok(
            diesel::select(diesel::dsl::exists(events::table.select(events::id)))
                .get_result(connection)?,
        )
    })?;
    if !has_events {
        let entry = entry("loadDemo", clock.now());
        let trace = Trace::to(TargetKind::Database);
        db.run_here(|connection| audit::write(connection, &entry, &trace))?;
        let options = SubscriberImport {
            groups: vec![SAMPLE_GROUP.to_owned()],
            create_groups: true,
            fields: vec![
                ("first_purchase".to_owned(), CustomType::Date),
                ("master_id".to_owned(), CustomType::Text),
            ],
            ..SubscriberImport::default()
        };
        import_subscribers(db, SUBSCRIBERS.as_bytes(), &options, began, |_| {})?;
        import_events(
            db,
            EVENTS.as_bytes(),
            &EventImport::default(),
            began,
            |_| {},
        )?;
        db.run_here(event::analyze)?;
    }
    make_groups(db, began)?;
    make_segments(db, began)?;
    if !is_refreshed {
        refresh_weekly(db, schedule, began)?;
    }
    refresh_pending(db, &schedule.refresh(clock.clone()))?;
    Ok(())
}

/// Refreshes all segments once a week from this moment on until the demo's start.
fn refresh_weekly(db: &Db, schedule: &ScheduleSettings, began: DateTime<Utc>) -> Result<(), Error> {
    for week in 0..=WEEKS {
        let clock = Clock::standing_at(began + Duration::weeks(week));
        refresh(
            db,
            &Selection::All,
            Trigger::Daily,
            &schedule.refresh(clock),
        )?;
    }
    Ok(())
}

/// Creates two groups as a person would: customers who first bought in January, and a few for a listening panel.
fn make_groups(db: &Db, now: DateTime<Utc>) -> Result<(), Error> {
    db.run_here(|connection| {
        let people: Vec<(i64, Value)> = subscribers::table
            .order(subscribers::id)
            .select((subscribers::id, subscribers::custom))
            .load(connection)?;
        let first_bought_in = |custom: &Value, month: &str| {
            let day = custom.get("first_purchase").and_then(Value::as_str);
            day.is_some_and(|day| day.starts_with(month))
        };
        let january: Vec<i64> = people
            .iter()
            .filter(|(_, custom)| first_bought_in(custom, "1997-01"))
            .map(|(id, _)| *id)
            .collect();
        let panel: Vec<i64> = people.iter().step_by(100).map(|(id, _)| *id).collect();
        for (key, name, members) in [
            ("january-1997", "First bought in January 1997", january),
            ("listening-panel", "Listening panel", panel),
        ] {
            if group::find_by_key(connection, key)?.is_none() {
                connection.transaction(|connection| {
                    let made = group::create(connection, key, Some(name), None, now)?;
                    group::add_members(connection, made.id, &members, "demo", now)
                })?;
            }
        }
        // One subscriber has an invented name and place, so that a profile has something to show.
        let changes = subscriber_changes::SubscriberChanges {
            values: [
                ("firstName", "Ada"),
                ("country", "US"),
                ("city", "Philadelphia"),
            ]
            .map(|(input, value)| (input, Some(value.to_owned())))
            .into(),
            ..Default::default()
        };
        let ada = Upsert {
            email: "cdnow-0001@example.com".to_owned(),
            changes,
            ..Default::default()
        };
        upsert(connection, &ada, now)?;
        Ok(())
    })
}

fn make_segments(db: &Db, now: DateTime<Utc>) -> Result<(), Error> {
    let bought_in_the_last = |amount: u32| json!({"event": {"name": "purchase", "inTheLast": {"amount": amount, "unit": "DAY"}}});
    let segments = [
        (
            "active-buyers",
            "Active buyers",
            "Bought something in the last 90 days.",
            bought_in_the_last(90),
        ),
        (
            "lapsed-buyers",
            "Lapsed buyers",
            "Bought more than once, but not in the last 180 days.",
            json!({"all": [
                {"event": {"name": "purchase", "count": {"atLeast": 2}}},
                {"not": bought_in_the_last(180)},
            ]}),
        ),
        (
            "big-spenders",
            "Big spenders",
            "Spent 200 dollars or more in all.",
            json!({"event": {"name": "purchase", "sum": {"atLeast": 200}}}),
        ),
        (
            "one-time-buyers",
            "One-time buyers",
            "Bought exactly once.",
            json!({"event": {"name": "purchase", "count": {"equals": 1}}}),
        ),
        (
            "january-and-loyal",
            "January's loyal customers",
            "First bought in January 1997, and bought at least four times in all.",
            json!({"all": [
                {"group": {"inAny": ["january-1997"]}},
                {"event": {"name": "purchase", "count": {"atLeast": 4}}},
            ]}),
        ),
    ];
    db.run_here(|connection| {
        for (key, name, description, rule) in &segments {
            if find_by_key(connection, key)?.is_none() {
                create(
                    connection,
                    key,
                    Some(name),
                    Some(description),
                    rule,
                    SegmentMode::Daily,
                    now,
                )?;
            }
        }
        Ok(())
    })
}
