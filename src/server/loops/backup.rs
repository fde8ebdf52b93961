//! The loop of daily backups: it sleeps, and [`crate::backup`] does the work.

use crate::app::App;
use crate::backup::{BackupError, BackupPlan, BackupSource, Due, next_backup, run_due};
use crate::metrics::metrics;
use std::sync::Arc;
use std::time::Duration;

/// The longest sleep, so that the loop soon notices a changed clock or time zone.
const LONGEST: Duration = Duration::from_secs(30);
/// How soon to try again after a failure.
const LATER: Duration = Duration::from_secs(300);

/// Makes the backups of a plan. Never returns.
pub async fn run(app: App, plan: BackupPlan) {
    loop {
        let sleep = step(&app, &plan).await;
        tokio::time::sleep(sleep).await;
    }
}

/// Makes a backup if it is due, and returns how long to sleep.
async fn step(app: &App, plan: &BackupPlan) -> Duration {
    let source = BackupSource {
        db: app.db.clone(),
        data_dir: plan.data_dir.clone(),
        is_stopping: Arc::clone(&app.imports.is_stopping),
    };
    let (working, planned) = (app.clone(), plan.clone());
    let done = tokio::task::spawn_blocking(move || {
        let made = run_due(&source, &planned, working.now())?;
        let next = next_backup(&working.db, &planned, working.now())?;
        Ok::<_, BackupError>((made, next))
    });
    match done.await {
        Ok(Ok((made, next))) => {
            if let Due::Made(path, made_at) = made {
                metrics().note_backup(made_at);
                tracing::info!(path = %path.display(), "made a backup");
            }
            (next - app.now()).to_std().unwrap_or_default().min(LONGEST)
        }
        Ok(Err(BackupError::Stopping)) => LATER,
        Ok(Err(error)) => {
            tracing::error!(%error, "a backup failed and will be tried again");
            LATER
        }
        Err(stopped) => {
            tracing::error!(%stopped, "a backup stopped and will be tried again");
            LATER
        }
    }
}
