//! The loop that writes refused requests into the audit log, once a minute.

use crate::app::App;
use std::time::Duration;
use tokio::time::sleep;

/// How long refusals are counted before they are written.
const MINUTE: Duration = Duration::from_secs(60);

/// Writes refused requests into the audit log. Never returns.
pub async fn run(app: App) {
    loop {
        sleep(MINUTE).await;
        write(&app).await;
    }
}

/// Writes the requests that were refused since the last call. If the database fails, the next call writes them.
pub async fn write(app: &App) {
    let counted = app.refusals.take();
    if counted.is_empty() {
        return;
    }
    let (now, rows) = (app.now(), counted.clone());
    let written = app.db.run(move |connection| rows.write(connection, now));
    if let Err(error) = written.await {
        tracing::warn!(%error, "refused requests could not be written into the audit log");
        app.refusals.give_back(counted);
    }
}
