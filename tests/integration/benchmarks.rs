//! What benchmarks make their audience with, which changes of the tables could break unseen.

#[path = "../../benches/refresh/audience.rs"]
mod audience;

use crate::support::TestApp;
use rollcall::db::Db;

fn execute(db: &Db, sql: &str) -> anyhow::Result<()> {
    Ok(db.run_here(|connection| {
        diesel::connection::SimpleConnection::batch_execute(connection, sql)?;
        Ok(())
    })?)
}

#[test]
fn their_audience_can_be_made_and_changed() {
    let app = TestApp::at(audience::NOW);
    let now = app.clock.now();
    audience::make(app.db(), 2_000, now).expect("an audience");
    audience::change(app.db(), now, 1).expect("changes");
    let count = |sql: &str| audience::optional_number(app.db(), sql).expect("a number");
    assert_eq!(count("SELECT count(*) FROM subscribers"), Some(2_000));
    assert_eq!(count("SELECT count(*) FROM group_memberships"), Some(790));
    let events = count("SELECT count(*) FROM events");
    assert_eq!(events, Some(10_020));
    assert_eq!(count("SELECT sum(count) FROM event_totals"), events);
    let indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() \
        AND indexname = 'events_by_subscriber'";
    assert_eq!(count(indexes), Some(1));
}
