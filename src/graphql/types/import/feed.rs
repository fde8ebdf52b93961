//! How far an import is, as it goes on.

use crate::app::App;
use crate::error::Error;
use crate::graphql::engine::error::to_graphql;
use crate::import::{Import, ImportState, get};
use std::time::Duration;

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// An import as it goes on. It is looked at for each listener: few listen, and never for long.
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
    /// Begins with the import as it is now.
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

    /// Waits for the next change.
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
                // The database comes back, or the client goes.
                Ok(_) | Err(Error::Unavailable(_)) => {}
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(to_graphql(error)));
                }
            }
        }
    }
}
