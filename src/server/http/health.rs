//! Health: whether the process answers, and whether it can serve requests. No key is needed, so reasons name nothing.

use super::routes::State;
use crate::db::{Db, Tables, check_tables};
use crate::error::Error;
use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a look at the database may take before it counts as not available. With the rest of the answer it stays
/// below the two seconds that probes get.
pub const HEALTH_DEADLINE: Duration = Duration::from_millis(1_800);

/// Adds the routes of health.
pub fn configure(config: &mut ServiceConfig) {
    config
        .route("/health", web::get().to(health))
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready));
}

/// Looks whether the database is there. One look runs at a time: while a database hangs, every further request would
/// keep another thread waiting.
pub struct Health {
    db: Db,
    turn: Arc<Mutex<()>>,
}

/// What a look at the database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Good,
    /// A newer program has migrated the database, and this one cannot work beside it.
    Newer,
    /// Migrations of this program are missing.
    Older,
    /// The database answers with an error, or cannot be connected to.
    Unavailable,
    /// The database did not answer in time.
    Silent,
}

impl Health {
    /// Looks by connections of that pool, which should have a statement timeout.
    pub fn new(db: Db) -> Health {
        Health {
            db,
            turn: Arc::default(),
        }
    }

    async fn look(&self) -> Look {
        let look = async {
            // Held until the look has ended, which may be after this request was answered.
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let looked = self.db.run(move |connection| {
                let _held = &turn;
                check_tables(connection)
            });
            looked.await
        };
        match timeout(HEALTH_DEADLINE, look).await {
            Ok(found) => Look::of(&found),
            Err(_) => Look::Silent,
        }
    }
}

impl Look {
    fn of(found: &Result<Tables, Error>) -> Look {
        match found {
            Ok(Tables::Newer(_)) => Look::Newer,
            Ok(Tables::Older) => Look::Older,
            Ok(Tables::Good) => Look::Good,
            Err(_) => Look::Unavailable,
        }
    }

    /// Returns why requests cannot be served; `None` if they can.
    fn reason(self) -> Option<&'static str> {
        match self {
            Look::Good => None,
            Look::Newer => Some("a newer Rollcall has migrated the database"),
            Look::Older => Some("migrations are missing"),
            Look::Unavailable => Some("the database is not available"),
            Look::Silent => Some("the database does not answer"),
        }
    }
}

/// Tells whether the database is there and has the right tables.
async fn health(state: web::Data<State>) -> HttpResponse {
    match state.health.look().await.reason() {
        None => HttpResponse::Ok().json(json!({ "status": "ok" })),
        Some(reason) => HttpResponse::ServiceUnavailable().json(json!({ "status": reason })),
    }
}

/// Tells that the process answers, whatever the database does: a restart would not help the database.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// Tells whether requests can be served now, for load balancers.
async fn ready(state: web::Data<State>) -> HttpResponse {
    let is_stopping = *state.is_stopping.borrow();
    let reason = match is_stopping {
        true => Some("the server is stopping"),
        false => state.health.look().await.reason(),
    };
    match reason {
        None => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .json(json!({ "status": "not ready", "reason": reason })),
    }
}
