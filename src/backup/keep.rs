//! Which backups of a directory are kept. The name of a file contains its time: `rollcall-20260301T020000Z.backup`.

use super::error::BackupError;
use super::make::PARTIAL;
use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

const PREFIX: &str = "rollcall-";
const SUFFIX: &str = ".backup";
const MOMENT: &str = "%Y%m%dT%H%M%SZ";

/// Maps a time to a value that is the same for all times of one day, week or month, and different for all others.
type PeriodOf = fn(DateTime<Utc>) -> (i32, u32);

/// The largest number of days, weeks or months.
const MOST: u32 = 1_000;

/// How old an unfinished file must be to count as left behind by a killed process.
const FORSAKEN: Duration = Duration::from_secs(2 * 86_400);

/// For how many days, weeks and months the newest backup of each is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    days: u32,
    weeks: u32,
    months: u32,
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Keep, String> {
        let wrong = || {
            format!(
                "expected numbers of days, weeks and months such as 7d,4w,6m, each from 0 to {MOST} and at least one above 0"
            )
        };
        let mut keep = Keep {
            days: 0,
            weeks: 0,
            months: 0,
        };
        let mut seen = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let unit = part.chars().last().ok_or_else(wrong)?;
            let number = part.strip_suffix(unit).and_then(|number| {
                let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
                number
                    .parse()
                    .ok()
                    .filter(|number| is_plain && *number <= MOST)
            });
            let place = match unit {
                'd' => &mut keep.days,
                'w' => &mut keep.weeks,
                'm' => &mut keep.months,
                _ => return Err(wrong()),
            };
            *place = number.filter(|_| seen.insert(unit)).ok_or_else(wrong)?;
        }
        match keep.days + keep.weeks + keep.months {
            0 => Err(wrong()),
            _ => Ok(keep),
        }
    }
}

impl Keep {
    /// Returns which of these times are kept: the newest of each of the last days, weeks and months that have one.
    /// Future times, from a clock that was ahead, are kept too.
    fn choose(&self, moments: &[DateTime<Utc>], now: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
        let mut newest_first = moments.to_vec();
        newest_first.sort_unstable_by(|one, other| other.cmp(one));
        let mut kept: BTreeSet<DateTime<Utc>> = newest_first.iter().take(1).copied().collect();
        kept.extend(newest_first.iter().filter(|moment| **moment > now));
        let periods: [(u32, PeriodOf); 3] = [
            (self.days, |moment| (moment.year(), moment.ordinal())),
            (self.weeks, |moment| {
                (moment.iso_week().year(), moment.iso_week().week())
            }),
            (self.months, |moment| (moment.year(), moment.month())),
        ];
        for (number, period_of) in periods {
            let mut seen = BTreeSet::new();
            for moment in &newest_first {
                if seen.len() >= usize::try_from(number).unwrap_or(usize::MAX) {
                    break;
                }
                if seen.insert(period_of(*moment)) {
                    kept.insert(*moment);
                }
            }
        }
        kept
    }

    /// Removes the backups of a directory that are not kept, and unfinished files of killed processes. Returns how many
    /// backups were removed. Files with other names are not touched.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub(super) fn tidy(&self, dir: &Path, now: DateTime<Utc>) -> Result<usize, BackupError> {
        let found = list(dir)?;
        let moments: Vec<DateTime<Utc>> = found.iter().map(|(moment, _)| *moment).collect();
        let kept = self.choose(&moments, now);
        let surplus = found
            .into_iter()
            .filter(|(moment, _)| !kept.contains(moment));
        let mut removed = 0;
        for (_, path) in surplus {
            std::fs::remove_file(&path).map_err(BackupError::file("remove", &path))?;
            removed += 1;
        }
        sweep(dir);
        Ok(removed)
    }
}

/// Returns the name of a backup of this time.
pub(super) fn name_of(moment: DateTime<Utc>) -> String {
    format!("{PREFIX}{}{SUFFIX}", moment.format(MOMENT))
}

fn moment_of(name: &str) -> Option<DateTime<Utc>> {
    let moment = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    Some(
        NaiveDateTime::parse_from_str(moment, MOMENT)
            .ok()?
            .and_utc(),
    )
}

fn list(dir: &Path) -> Result<Vec<(DateTime<Utc>, PathBuf)>, BackupError> {
    let entries = std::fs::read_dir(dir).map_err(BackupError::file("read", dir))?;
    let found = entries.flatten().filter_map(|entry| {
        let moment = moment_of(entry.file_name().to_str()?)?;
        Some((moment, entry.path()))
    });
    Ok(found.collect())
}

/// Returns the time of the newest backup of a directory, or `None` if the directory has no backup or cannot be read.
pub fn newest_backup(dir: &Path) -> Option<DateTime<Utc>> {
    list(dir).ok()?.into_iter().map(|(moment, _)| moment).max()
}

/// Removes unfinished backups that are too old to be in progress.
fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_partial = name.starts_with(&format!(".{PREFIX}")) && name.ends_with(PARTIAL);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let age = changed
            .ok()
            .and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if is_partial && age.is_some_and(|age| age > FORSAKEN) {
            // The next tidying tries again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_keep_is_numbers_with_units() {
        let keep = |days, weeks, months| {
            Ok(Keep {
                days,
                weeks,
                months,
            })
        };
        assert_eq!("7d,4w,6m".parse(), keep(7, 4, 6));
        assert_eq!("6m, 1000d".parse(), keep(1_000, 0, 6));
        assert_eq!("0d,1w".parse(), keep(0, 1, 0));
        for text in [
            "", "7", "d", "7d,", "7d,1d", "0d", "1001d", "-1d", "+1d", "7y", "7ž", "1.5d",
        ] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_newest_of_each_period_is_kept() {
        let now: DateTime<Utc> = "2026-03-20T12:00:00Z".parse().unwrap();
        // Two each day, for half a year.
        let moments: Vec<DateTime<Utc>> = (0..360)
            .map(|number| now - chrono::Duration::hours(12 * number))
            .collect();
        let keep: Keep = "3d,3w,4m".parse().unwrap();
        let kept: Vec<String> = keep
            .choose(&moments, now)
            .iter()
            .map(|moment| moment.format("%m-%d %H").to_string())
            .collect();
        let expected = [
            "12-31 12", "01-31 12", "02-28 12", "03-08 12", "03-15 12", "03-18 12", "03-19 12",
            "03-20 12",
        ];
        assert_eq!(kept, expected);
        // Long after the last backup, the same ones are kept.
        let later = now + chrono::Duration::days(3_000);
        assert_eq!(keep.choose(&moments, later), keep.choose(&moments, now));
    }

    #[test]
    fn only_old_backups_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let now: DateTime<Utc> = "2026-03-20T12:00:00Z".parse().unwrap();
        let old = name_of(now - chrono::Duration::days(2));
        let newest = name_of(now);
        for name in [
            &old,
            &newest,
            "rollcall-x.backup",
            "rollcall-20260101T000000Z.backup.gpg",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let keep: Keep = "1d".parse().unwrap();
        assert_eq!(keep.tidy(dir.path(), now).unwrap(), 1);
        assert!(!dir.path().join(&old).exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
        assert_eq!(newest_backup(dir.path()), Some(now));
    }
}
