//! Settings of scheduled backups.

use super::parse_time;
use crate::backup::{BackupPlan, Keep};
use chrono::NaiveTime;
use clap::Args;
use std::path::{Path, PathBuf};

/// When the server makes backups, and which backups it keeps.
#[derive(Debug, Clone, Args)]
pub struct BackupFlags {
    /// The directory for daily backups. Without it, none are made. Only the user that runs the server can read the
    /// files.
    #[arg(long, env = "ROLLCALL_BACKUP_DIR", value_name = "DIRECTORY")]
    backup_dir: Option<PathBuf>,

    /// The wall-clock time of the daily backup, in the time zone of the database.
    #[arg(long, env = "ROLLCALL_BACKUP_AT", value_name = "TIME", default_value = "02:00", value_parser = parse_time)]
    backup_at: NaiveTime,

    /// Which backups in that directory are kept, as numbers of days, weeks and months. The newest backup of each is
    /// kept.
    #[arg(
        long,
        env = "ROLLCALL_KEEP_BACKUPS",
        value_name = "NUMBERS",
        default_value = "7d,4w,6m"
    )]
    keep_backups: Keep,
}

impl BackupFlags {
    /// Returns the backup plan, or `None` without `--backup-dir`. `data_dir` may contain downloaded Postgres programs.
    pub fn plan(&self, data_dir: &Path) -> Option<BackupPlan> {
        self.backup_dir.as_ref().map(|dir| BackupPlan {
            dir: dir.clone(),
            at: self.backup_at,
            keep: self.keep_backups,
            data_dir: data_dir.to_owned(),
        })
    }
}
