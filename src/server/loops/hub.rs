//! The hub puts new changes in order and polls for them and for new refreshes, on behalf of all subscriptions, and only
//! while there are any.

use crate::app::App;
use crate::changes::settle_or_go_on;
use crate::past::find_newest;
use std::time::Duration;

/// How often to poll. A refresh that ends in this process is reported without waiting.
const PAUSE: Duration = Duration::from_millis(500);

/// Polls the newest position of the log of changes and the newest refreshes, and reports them to subscriptions. Never
/// returns.
pub async fn run(app: App) {
    loop {
        app.live.listener().await;
        let look = |connection: &mut _| {
            settle_or_go_on(connection)?;
            find_newest(connection)
        };
        match app.db.run(look).await {
            Ok(newest) => app.live.publish(newest),
            Err(error) => tracing::warn!(%error, "cannot read changes for subscriptions; retrying"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = app.live.ended() => {}
        }
    }
}
