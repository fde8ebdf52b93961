//! The settings of a database: those that give rules their meaning, and for how long data is kept. Every server and
//! command reads them from the database when it needs them, so that two processes never disagree.

use crate::db::schema::{refreshes, segments, settings};
use crate::db::word::words;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::nearest;
use chrono::NaiveTime;
use chrono_tz::Tz;
use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::prelude::*;

/// The longest time that changes or the undo data of an import are kept: a hundred years.
pub const MAX_DAYS: u32 = 36_500;

/// The shortest time that the audit log is kept, so that no administrator can erase at once what they did.
pub const MIN_AUDIT_DAYS: u32 = 30;

/// The settings in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The time zone in which days begin and end.
    pub time_zone: Tz,
    /// The wall-clock time of the daily refresh in that zone.
    pub refresh_at: NaiveTime,
    /// For how many days it is stored which subscribers joined and left segments.
    pub keep_changes: u32,
    /// For how many days an import can be undone.
    pub keep_undo: u32,
    /// For how many days entries of the audit log are kept.
    pub keep_audit: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            time_zone: Tz::UTC,
            refresh_at: NaiveTime::MIN + chrono::Duration::hours(3),
            keep_changes: 400,
            keep_undo: 30,
            keep_audit: 730,
        }
    }
}

/// The name of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKey {
    /// See [`Settings::time_zone`].
    TimeZone,
    /// See [`Settings::refresh_at`].
    RefreshAt,
    /// See [`Settings::keep_changes`].
    KeepChanges,
    /// See [`Settings::keep_undo`].
    KeepUndo,
    /// See [`Settings::keep_audit`].
    KeepAudit,
}

words!(SettingKey {
    TimeZone: "time_zone",
    RefreshAt: "refresh_at",
    KeepChanges: "keep_changes",
    KeepUndo: "keep_undo",
    KeepAudit: "keep_audit",
});

impl SettingKey {
    /// Returns the name in the API, which is also the path of a problem with its value.
    pub fn field(self) -> &'static str {
        match self {
            SettingKey::TimeZone => "timeZone",
            SettingKey::RefreshAt => "refreshAt",
            SettingKey::KeepChanges => "keepChanges",
            SettingKey::KeepUndo => "keepUndo",
            SettingKey::KeepAudit => "keepAudit",
        }
    }
}

/// A value for a setting, as text.
pub type GivenSetting = (SettingKey, String);

impl Settings {
    /// Returns the value of a setting as text. Each value has only one text.
    pub fn text(&self, key: SettingKey) -> String {
        match key {
            SettingKey::TimeZone => self.time_zone.name().to_owned(),
            SettingKey::RefreshAt => self.refresh_at.format("%H:%M").to_string(),
            SettingKey::KeepChanges => self.keep_changes.to_string(),
            SettingKey::KeepUndo => self.keep_undo.to_string(),
            SettingKey::KeepAudit => self.keep_audit.to_string(),
        }
    }

    /// Sets a setting to a value given as text.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn set(&mut self, key: SettingKey, text: &str) -> Result<(), String> {
        let found = |message: String| format!("{message}, found \"{text}\"");
        match key {
            SettingKey::TimeZone => self.time_zone = parse_zone(text)?,
            SettingKey::RefreshAt => self.refresh_at = parse_time(text).map_err(found)?,
            SettingKey::KeepChanges => self.keep_changes = parse_days(text).map_err(found)?,
            SettingKey::KeepUndo => self.keep_undo = parse_days(text).map_err(found)?,
            SettingKey::KeepAudit => {
                self.keep_audit = parse_days_from(MIN_AUDIT_DAYS, text).map_err(found)?;
            }
        }
        Ok(())
    }
}

/// Reads the name of a time zone.
///
/// # Errors
/// A message that says what was expected.
pub fn parse_zone(text: &str) -> Result<Tz, String> {
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    text.parse().map_err(|_| {
        let hint = nearest(text, known);
        format!(
            "expected an IANA time zone such as Europe/Vilnius{}",
            hint.map(|hint| format!("; {hint}")).unwrap_or_default()
        )
    })
}

/// Reads a wall-clock time.
///
/// # Errors
/// A message that says what was expected.
pub fn parse_time(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text, "%H:%M")
        .map_err(|_| "expected a time from 00:00 to 23:59, such as 03:00".to_owned())
}

fn parse_days(text: &str) -> Result<u32, String> {
    parse_days_from(0, text)
}

fn parse_days_from(least: u32, text: &str) -> Result<u32, String> {
    let days = text.parse().ok();
    let days = days.filter(|days| (least..=MAX_DAYS).contains(days));
    days.ok_or_else(|| format!("expected a number of days from {least} to {MAX_DAYS}"))
}

/// Returns the settings in use: the stored values, and defaults for settings without a stored value.
pub fn load(connection: &mut PgConnection) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    for (key, text) in list_stored(connection)? {
        settings.set(key, &text).map_err(|message| {
            let key = key.as_str();
            Error::Internal(format!(
                "the stored setting {key} cannot be used: {message}"
            ))
        })?;
    }
    Ok(settings)
}

/// Lists the settings that are stored.
pub fn list_stored(connection: &mut PgConnection) -> Result<Vec<GivenSetting>, Error> {
    let rows: Vec<(String, String)> = settings::table.load(connection)?;
    let known = rows
        .into_iter()
        .filter_map(|(name, text)| Some((SettingKey::find(&name)?, text)));
    Ok(known.collect())
}

/// What to store for settings without a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The value that is given, or else the default.
    Defaults,
    /// The value that is given; otherwise nothing.
    Given,
}

/// A given value that differs from the stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The setting.
    pub key: SettingKey,
    /// The value that is stored.
    pub stored: String,
    /// The value that was given.
    pub given: String,
}

/// Stores the settings that have no value yet, and returns the given values that differ from the stored ones. Stored
/// values do not change.
pub fn settle(
    connection: &mut PgConnection,
    given: &[GivenSetting],
    missing: Missing,
) -> Result<Vec<Disagreement>, Error> {
    let stored = list_stored(connection)?;
    let is_stored = |key| stored.iter().any(|(other, _)| *other == key);
    let defaults = Settings::default();
    for key in SettingKey::ALL.into_iter().filter(|key| !is_stored(*key)) {
        let value = given.iter().find(|(other, _)| *other == key);
        let value = value.map(|(_, value)| value.clone());
        let value = match missing {
            Missing::Defaults => value.or_else(|| Some(defaults.text(key))),
            Missing::Given => value,
        };
        if let Some(value) = value {
            // Another process that starts at the same time may have stored a value meanwhile.
            diesel::insert_into(settings::table)
                .values((settings::key.eq(key.as_str()), settings::value.eq(value)))
                .on_conflict_do_nothing()
                .execute(connection)?;
        }
    }
    let stored = list_stored(connection)?;
    let disagreements = given.iter().filter_map(|(key, given)| {
        let (_, stored) = stored.iter().find(|(other, _)| other == key)?;
        (stored != given).then(|| Disagreement {
            key: *key,
            stored: stored.clone(),
            given: given.clone(),
        })
    });
    Ok(disagreements.collect())
}

/// Changes settings for every server and command, and returns all settings in use afterwards. Another time zone makes
/// all segments pending.
///
/// # Errors
/// [`Error::Invalid`] with every value that cannot be used. In that case nothing is changed.
pub fn change(connection: &mut PgConnection, changes: &[GivenSetting]) -> Result<Settings, Error> {
    connection.transaction(|connection| {
        connection.batch_execute("LOCK TABLE settings IN SHARE ROW EXCLUSIVE MODE")?;
        let before = load(connection)?;
        let mut after = before;
        let failed = changes.iter().filter_map(|(key, text)| {
            let message = after.set(*key, text).err()?;
            Some(InputProblem::new(InputCode::Invalid, key.field(), message))
        });
        let problems: Vec<InputProblem> = failed.collect();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        for (key, _) in changes {
            let value = after.text(*key);
            diesel::insert_into(settings::table)
                .values((settings::key.eq(key.as_str()), settings::value.eq(&value)))
                .on_conflict(settings::key)
                .do_update()
                .set(settings::value.eq(&value))
                .execute(connection)?;
        }
        if after.time_zone != before.time_zone {
            make_pending(connection)?;
        }
        Ok(after)
    })
}

/// Makes all segments pending until a refresh that begins after this transaction has written their members.
fn make_pending(connection: &mut PgConnection) -> Result<(), Error> {
    // A refresh that begins later has the new settings in its snapshot, because inserting its row waits for this lock.
    connection.batch_execute("LOCK TABLE refreshes IN SHARE ROW EXCLUSIVE MODE")?;
    let last: Option<i64> = refreshes::table
        .select(max(refreshes::id))
        .first(connection)?;
    diesel::update(segments::table)
        .set(segments::stale_through.eq(last.unwrap_or_default()))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_are_written() {
        let mut settings = Settings::default();
        for (key, text) in [
            (SettingKey::TimeZone, "Asia/Kathmandu"),
            (SettingKey::RefreshAt, "23:59"),
            (SettingKey::KeepChanges, "0"),
            (SettingKey::KeepUndo, "36500"),
            (SettingKey::KeepAudit, "30"),
        ] {
            assert_eq!(settings.set(key, text), Ok(()));
            assert_eq!(settings.text(key), text);
            assert_eq!(SettingKey::find(key.as_str()), Some(key));
        }
    }

    #[test]
    fn other_values_are_refused() {
        for (key, texts) in [
            (SettingKey::TimeZone, ["", "Europe/Vilnus", "+02:00"]),
            (SettingKey::RefreshAt, ["", "24:00", "3 am"]),
            (SettingKey::KeepChanges, ["", "-1", "36501"]),
            (SettingKey::KeepUndo, ["", "1.5", "99999999999"]),
            (SettingKey::KeepAudit, ["", "29", "36501"]),
        ] {
            for text in texts {
                let mut settings = Settings::default();
                let refused = settings.set(key, text).expect_err(text);
                assert!(refused.starts_with("expected"), "{refused}");
                assert_eq!(settings, Settings::default());
            }
        }
    }
}
