//! `rollcall refresh`.

use super::audited::entry;
use super::database;
use crate::audience::segment::{self, find_by_key};
use crate::audience::setting::Missing;
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ScheduleSettings};
use crate::db::Db;
use crate::error::Error;
use crate::follow::follow_touches;
use crate::past::{Refresh, SegmentRefresh, list_segment_refreshes};
use crate::refresh::{Selection, refresh_as_of, refresh_asked, refuse_archived};
use crate::rule::parse_instant;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::process::ExitCode;

/// Arguments of `rollcall refresh`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The moment that relative dates count from, such as 1997-10-01T00:00:00Z; now if absent. It must not be before
    /// the last refresh.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    now: Option<DateTime<Utc>>,

    /// The key of a segment to refresh; may be given several times. All segments if absent.
    #[arg(long = "segment", value_name = "KEY")]
    segments: Vec<String>,
}

/// Refreshes segments and prints what changed.
pub fn run(
    database: &DatabaseSettings,
    schedule: &ScheduleSettings,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let clock = arguments.now.map_or(Clock::System, Clock::standing_at);
    let opened = database::open(database)?;
    let db = &opened.db;
    database::settle(db, &schedule.given(), Missing::Defaults)?;
    let selection = select(db, &arguments.segments)?;
    let settings = schedule.refresh(clock);
    let entry = entry("refreshSegments", Clock::System.now());
    let refreshed = match arguments.now {
        Some(_) => refresh_as_of(db, &selection, &settings, entry)?,
        None => refresh_asked(db, &selection, &settings, entry)?,
    };
    follow_touches(db, &settings)?;
    let code = report(db, &refreshed)?;
    opened.close()?;
    Ok(code)
}

fn select(db: &Db, keys: &[String]) -> Result<Selection, Error> {
    if keys.is_empty() {
        return Ok(Selection::All);
    }
    let ids = db.run_here(|connection| {
        keys.iter()
            .map(|key| {
                let segment = find_by_key(connection, key)?;
                let segment =
                    segment.ok_or_else(|| Error::not_found("segment", format!("\"{key}\"")))?;
                refuse_archived(&segment, "segment")?;
                Ok(segment.id)
            })
            .collect()
    })?;
    Ok(Selection::Ids(ids))
}

/// Prints one line per segment. Returns success if every rule could be evaluated.
pub fn report(db: &Db, refreshed: &Refresh) -> anyhow::Result<ExitCode> {
    let (outcomes, keys) = db.run_here(|connection| {
        let mut outcomes = list_segment_refreshes(connection, &[refreshed.id])?;
        let outcomes = outcomes.remove(&refreshed.id).unwrap_or_default();
        let ids: Vec<i64> = outcomes.iter().map(|outcome| outcome.segment_id).collect();
        let keys: HashMap<i64, String> = segment::find_by_ids(connection, &ids)?
            .into_iter()
            .map(|segment| (segment.id, segment.key))
            .collect();
        Ok((outcomes, keys))
    })?;
    println!(
        "refreshed {} segments as of {:?}",
        outcomes.len(),
        refreshed.as_of
    );
    let key_of =
        |outcome: &SegmentRefresh| keys.get(&outcome.segment_id).cloned().unwrap_or_default();
    let width = outcomes.iter().map(|outcome| key_of(outcome).len()).max();
    let mut code = ExitCode::SUCCESS;
    for outcome in &outcomes {
        println!(
            "  {:width$}  {:>9} members  +{} -{}",
            key_of(outcome),
            outcome.member_count,
            outcome.joined,
            outcome.left,
            width = width.unwrap_or_default()
        );
        for problem in outcome.problems() {
            eprintln!("    INVALID, members kept: {problem}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
