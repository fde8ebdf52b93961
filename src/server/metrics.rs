//! `/metrics` for Prometheus, on a separate listener: scraping needs no API key, and clients of the API need no access
//! to it.

use super::ServeError;
use crate::app::App;
use crate::backup::{BackupPlan, newest_backup};
use crate::db::Db;
use crate::metrics::{Figures, metrics};
use crate::past::{DatabaseFigures, read_figures};
use actix_web::dev::Server;
use actix_web::{App as WebApp, HttpResponse, HttpServer, web};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long the database may take for its figures. If it takes longer, the other metrics are sent without them.
const DEADLINE: Duration = Duration::from_secs(2);

/// How many polls of the waiting changes are remembered.
const LOOKS: usize = 1_000;

/// The state of the handler.
struct State {
    /// The database that requests share.
    shared: Db,
    /// The same database with a pool for metrics.
    db: Db,
    waiting: Mutex<Waiting>,
    /// Allows one poll of the database at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Starts the listener, and returns the server and its address.
pub fn listen(
    app: &App,
    shared: &Db,
    address: SocketAddr,
    backups: Option<&BackupPlan>,
) -> Result<(Server, SocketAddr), ServeError> {
    if let Some(made_at) = backups.and_then(|plan| newest_backup(&plan.dir)) {
        metrics().note_backup(made_at);
    }
    let state = web::Data::new(State {
        shared: shared.clone(),
        db: app.db.with_own_pool(1).with_statement_timeout(DEADLINE),
        waiting: Mutex::default(),
        turn: Arc::default(),
    });
    let failed = |cause| ServeError::Bind { address, cause };
    let server = HttpServer::new(move || {
        let route = web::get().to(scrape);
        WebApp::new()
            .app_data(state.clone())
            .route("/metrics", route)
    })
    .workers(1)
    .disable_signals()
    .bind(address)
    .map_err(failed)?;
    let address = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), address))
}

async fn scrape(state: web::Data<State>) -> HttpResponse {
    let (used, idle) = state.shared.count_connections();
    metrics().set_connections(used, idle);
    let look = async {
        let turn = Arc::clone(&state.turn).lock_owned().await;
        let read = state.db.run(move |connection| {
            let _held = &turn;
            read_figures(connection)
        });
        read.await
    };
    let found = match timeout(DEADLINE, look).await {
        Ok(Ok(found)) => Some(found),
        // The database is down, which /health reports.
        Ok(Err(_)) | Err(_) => None,
    };
    let figures = found.map(|found| {
        let mut waiting = state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = waiting.look(&found, Instant::now());
        let DatabaseFigures {
            segments,
            subscribers,
            last_refresh,
            ..
        } = found;
        Figures {
            segments,
            subscribers,
            last_refresh,
            lag,
        }
    });
    metrics().set_figures(figures.as_ref());
    match metrics().write() {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Remembers the newest touch of each poll. Touches have no time, so the age of a touch is the time since the last poll
/// that did not see it.
#[derive(Default)]
struct Waiting {
    looks: VecDeque<(Instant, i64)>,
}

impl Waiting {
    /// Adds the result of a poll, and returns how long the oldest change has been waiting.
    fn look(&mut self, found: &DatabaseFigures, now: Instant) -> Duration {
        let newest = found.newest_touch.unwrap_or_default();
        // Followed touches are deleted, but the newest id never goes back.
        let newest = self
            .looks
            .back()
            .map_or(newest, |(_, last)| newest.max(*last));
        let since = found.oldest_waiting.and_then(|oldest| {
            let before = self.looks.iter().rev().find(|(_, seen)| *seen < oldest);
            before.or(self.looks.front()).map(|(at, _)| *at)
        });
        self.looks.push_back((now, newest));
        if self.looks.len() > LOOKS {
            self.looks.pop_front();
        }
        since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_as_old_as_the_last_look_without_it() {
        let begin = Instant::now();
        let mut waiting = Waiting::default();
        let mut look = |seconds, oldest_waiting, newest_touch| {
            let found = DatabaseFigures {
                segments: vec![],
                subscribers: vec![],
                last_refresh: None,
                oldest_waiting,
                newest_touch,
            };
            let at = begin + Duration::from_secs(seconds);
            waiting.look(&found, at).as_secs()
        };
        assert_eq!(look(0, Some(5), Some(9)), 0, "nothing is known of before");
        assert_eq!(look(10, Some(5), Some(9)), 10);
        assert_eq!(look(20, None, None), 0);
        assert_eq!(look(30, Some(12), Some(12)), 10);
        assert_eq!(look(40, Some(12), Some(30)), 20);
        assert_eq!(
            look(50, Some(13), Some(30)),
            20,
            "it came between 30 and 40"
        );
    }
}
