//! The progress of an import, as it runs.

use crate::app::App;
use crate::error::Error;
use crate::graphql::engine::error::to_graphql;
use crate::import::{Import, ImportState, get};
use std::time::Duration;

/// How long to wait between two polls.
const PAUSE: Duration = Duration::from_millis(500);

/// Reports the progress of an import. Each listener polls by itself: there are few listeners, and none stays for long.
pub struct ImportFeed {
    app: App,
    id: i64,
    /// The state that was sent last.
    told: Option<Import>,
    /// The state that was read and not sent yet.
    next: Option<Import>,
    has_ended: bool,
}

impl ImportFeed {
    /// Starts with the present state of the import.
    pub async fn new(app: App, id: i64) -> async_graphql::Result<ImportFeed> {
        let now = app.db.run(move |connection| get(connection, id)).await;
        Ok(ImportFeed {
            next: Some(now.map_err(to_graphql)?),
            app,
            id,
            told: None,
            has_ended: false,
        })
    }

    /// Waits for the next state. Returns `None` after the import has ended or the feed has failed.
    pub async fn next(&mut self) -> Option<async_graphql::Result<Import>> {
        if self.has_ended {
            return None;
        }
        loop {
            if let Some(import) = self.next.take() {
                self.has_ended = !matches!(
                    import.state(),
                    ImportState::Waiting
                        | ImportState::Ready
                        | ImportState::Running
                        | ImportState::Undoing
                );
                self.told = Some(import.clone());
                return Some(Ok(import));
            }
            tokio::time::sleep(PAUSE).await;
            let id = self.id;
            match self.app.db.run(move |connection| get(connection, id)).await {
                Ok(import) if self.told.as_ref() != Some(&import) => self.next = Some(import),
                // Nothing is new, or the database is not available: poll again.
                Ok(_) | Err(Error::Unavailable(_)) => {}
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(to_graphql(error)));
                }
            }
        }
    }
}
