//! The daily backup: when it is due, and making it once for each time.
//!
//! The database stores when it last ran, as for the daily refresh, so that only one of several servers makes it.

use super::error::BackupError;
use super::keep::{Keep, name_of};
use super::make::{BackupSource, make_backup};
use crate::audience::setting;
use crate::db::schema::schedules;
use crate::db::{AdvisoryLock, Db, SessionLock};
use crate::error::Error;
use crate::refresh::{Daily, due_time, has_run, next_due};
use chrono::{DateTime, NaiveTime, Utc};
use diesel::prelude::*;
use std::path::PathBuf;

/// The name of the job in the table of schedules.
const NAME: &str = "daily backup";

/// When backups are made, where they are written, and which are kept.
#[derive(Debug, Clone)]
pub struct BackupPlan {
    /// The directory.
    pub dir: PathBuf,
    /// The wall-clock time, in the time zone of the database.
    pub at: NaiveTime,
    /// Which backups are kept.
    pub keep: Keep,
    /// The directory with downloaded PostgreSQL programs.
    pub data_dir: PathBuf,
}

/// The outcome of checking whether a backup is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// It was due. This is the file and its time.
    Made(PathBuf, DateTime<Utc>),
    /// It was not due, or another server makes it.
    No,
}

impl BackupPlan {
    fn daily(&self, connection: &mut PgConnection) -> Result<Daily, Error> {
        Ok(Daily {
            at: self.at,
            ..Daily::of(&setting::load(connection)?)
        })
    }
}

/// Returns when the next backup is due, after now.
pub fn next_backup(
    db: &Db,
    plan: &BackupPlan,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, BackupError> {
    Ok(next_due(
        db.run_here(|connection| plan.daily(connection))?,
        now,
    ))
}

/// Makes a backup if it is due and was not made for that time, and removes those that are not kept. A database that
/// never had this job gets its first backup at the next due time.
///
/// # Errors
/// [`BackupError`]. If the backup was not made, it stays due.
pub fn run_due(
    source: &BackupSource,
    plan: &BackupPlan,
    now: DateTime<Utc>,
) -> Result<Due, BackupError> {
    let due = source.db.run_here(|connection| {
        let due = due_time(plan.daily(connection)?, now);
        diesel::insert_into(schedules::table)
            .values((schedules::name.eq(NAME), schedules::last_run_at.eq(due)))
            .on_conflict_do_nothing()
            .execute(connection)?;
        Ok((!has_run(last_run(connection)?, due, now)).then_some(due))
    })?;
    let Some(due) = due else {
        return Ok(Due::No);
    };
    let Some(mut lock) = SessionLock::take(&source.db.for_long_work(), AdvisoryLock::Backup)?
    else {
        return Ok(Due::No);
    };
    if has_run(last_run(&mut lock.connection)?, due, now) {
        return Ok(Due::No);
    }
    std::fs::create_dir_all(&plan.dir).map_err(BackupError::file("make", &plan.dir))?;
    let path = plan.dir.join(name_of(now));
    make_backup(source, &path, now)?;
    source.db.run_here(|connection| {
        Ok(diesel::update(schedules::table.find(NAME))
            .set(schedules::last_run_at.eq(due))
            .execute(connection)?)
    })?;
    plan.keep.tidy(&plan.dir, now)?;
    Ok(Due::Made(path, now))
}

fn last_run(connection: &mut PgConnection) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(schedules::table
        .find(NAME)
        .select(schedules::last_run_at)
        .first(connection)
        .optional()?)
}
