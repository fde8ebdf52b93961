//! Faults: processes killed, connections cut and changes made at the worst moment. Members and rows are the old ones
//! or the new ones, never half, and the next run succeeds.

mod connections;
mod embedded;
mod importing;
mod kills;
mod meanwhile;
mod refreshing;

pub use embedded::processes_of;

use crate::support::TestApp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::path::Path;

/// Where the audience of these tests stands in time: subscriber number n was made n minutes before.
const NOW: &str = "2026-03-01T00:00:00Z";

/// An audience of that many people with two segments whose members depend on the time, not refreshed yet.
fn audience(size: usize) -> TestApp {
    let app = TestApp::at(NOW);
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, created_at, updated_at, subscribed_at) \
         SELECT 'p' || n || '@example.com', (ARRAY['LT', 'LV', 'EE'])[1 + n % 3], made, made, made \
         FROM generate_series(1, {size}) n CROSS JOIN LATERAL (SELECT '{NOW}'::timestamptz - n * interval '1 minute' AS made) m; \
         ANALYZE subscribers"
    ));
    app.segment(
        "newcomers",
        json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": 30, "unit": "DAY"}}}}),
    );
    app.segment(
        "settled-lithuanians",
        json!({"all": [
            {"text": {"field": "country", "is": {"equals": "LT"}}},
            {"date": {"field": "createdAt", "is": {"moreThanAgo": {"amount": 14, "unit": "DAY"}}}},
        ]}),
    );
    app
}

/// Checks that the members are exactly those of the last refresh that succeeded, and its totals with them. Returns how
/// many refreshes have succeeded.
#[track_caller]
fn assert_members_are_of_last_success(app: &TestApp) -> u32 {
    let wrong = app.database.ask(
        "WITH moment AS (SELECT as_of FROM refreshes WHERE state = 'succeeded' ORDER BY id DESC LIMIT 1), \
         expected AS ( \
             SELECT 'newcomers' AS key, s.id, true AS is_there FROM subscribers s, moment \
             WHERE s.created_at BETWEEN as_of - interval '30 days' AND as_of \
             UNION ALL SELECT 'settled-lithuanians', s.id, true FROM subscribers s, moment \
             WHERE s.country = 'LT' AND s.created_at < as_of - interval '14 days'), \
         found AS (SELECT g.key, m.subscriber_id AS id, true AS is_there FROM segment_memberships m JOIN segments g ON g.id = m.segment_id) \
         SELECT count(*) FROM expected e FULL JOIN found f USING (key, id) WHERE e.is_there IS NULL OR f.is_there IS NULL",
    );
    assert_eq!(wrong, "0", "members differ from those of the last success");
    let wrong_totals = app.database.ask(
        "SELECT count(*) FROM segments g CROSS JOIN LATERAL ( \
             SELECT r.member_count FROM segment_refreshes r JOIN refreshes f ON f.id = r.refresh_id \
             WHERE r.segment_id = g.id ORDER BY f.id DESC LIMIT 1) last \
         WHERE last.member_count <> (SELECT count(*) FROM segment_memberships m WHERE m.segment_id = g.id) \
            OR last.member_count <> (SELECT sum(r.joined) - sum(r.left) FROM segment_refreshes r WHERE r.segment_id = g.id)",
    );
    assert_eq!(wrong_totals, "0", "totals differ from the members");
    let strays = app.database.ask(
        "SELECT (SELECT count(*) FROM segment_refreshes r JOIN refreshes f ON f.id = r.refresh_id WHERE f.state <> 'succeeded') \
         + (SELECT count(*) FROM segment_changes c JOIN refreshes f ON f.id = c.refresh_id WHERE f.state <> 'succeeded')",
    );
    assert_eq!(strays, "0", "a refresh that failed left something");
    let succeeded = app
        .database
        .ask("SELECT count(*) FROM refreshes WHERE state = 'succeeded'");
    succeeded.parse().expect("a number")
}

/// Returns how many refreshes are in that state.
fn count_refreshes(app: &TestApp, state: &str) -> String {
    app.database.ask(&format!(
        "SELECT count(*) FROM refreshes WHERE state = '{state}'"
    ))
}

/// Returns everything that a refresh writes about segments, as one text.
fn members(app: &TestApp) -> String {
    app.database.ask(
        "SELECT json_build_array( \
         (SELECT json_agg(b ORDER BY b.segment_id, b.block) FROM segment_blocks b), \
         (SELECT json_agg(c ORDER BY c.refresh_id, c.segment_id, c.chunk) FROM segment_changes c), \
         (SELECT json_agg(r ORDER BY r.refresh_id, r.segment_id) FROM segment_refreshes r))",
    )
}

/// Kills the Postgres of a data directory as nothing can be prepared for; returns whether there was one.
pub fn kill_postgres(data_dir: &Path) -> bool {
    let Ok(file) = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid")) else {
        return false;
    };
    let pid = file.lines().next().and_then(|line| line.parse().ok());
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
}
