//! A database of the time before deletions were remembered.

use super::{
    OtherServer, add_segments, ask_segment, delete, emails, follow, position, set_country,
};
use crate::support::TestApp;
use serde_json::{Value, json};

const UP: &str = include_str!("../../../migrations/2026-11-28-000050_tell_deletions/up.sql");
const DOWN: &str = include_str!("../../../migrations/2026-11-28-000050_tell_deletions/down.sql");
/// Later migrations, which build on that one.
const LATER_UP: [&str; 3] = [
    include_str!("../../../migrations/2026-11-28-000199_identify_deletions/up.sql"),
    include_str!("../../../migrations/2026-11-28-000200_create_changes/up.sql"),
    include_str!("../../../migrations/2026-11-28-000211_tell_runs/up.sql"),
];
const LATER_DOWN: [&str; 3] = [
    include_str!("../../../migrations/2026-11-28-000211_tell_runs/down.sql"),
    include_str!("../../../migrations/2026-11-28-000200_create_changes/down.sql"),
    include_str!("../../../migrations/2026-11-28-000199_identify_deletions/down.sql"),
];

/// Its counts add up too: what no row explains were deletions.
#[test]
fn sums_of_an_older_database_add_up() {
    let app = TestApp::at(super::NOW);
    for name in ["ona", "jonas", "rasa"] {
        set_country(&app, name, "LT");
    }
    add_segments(&app);
    app.refresh();
    for down in LATER_DOWN {
        app.database.execute(down);
    }
    app.database.execute(DOWN);
    // One more refresh of the time: of three members one left between, one joined in it and was deleted later, and one
    // was deleted, of whom nothing was kept.
    app.database.execute(
        "INSERT INTO instant_changes (segment_id, subscriber_id, joined, changed_at, refresh_id) \
             SELECT id, 1, false, '2026-06-16T00:00:00Z', 1 FROM segments WHERE key = 'now'; \
         INSERT INTO refreshes (trigger, as_of, started_at, finished_at, state) \
             VALUES ('daily', '2026-06-17T00:00:00Z', now(), now(), 'succeeded'); \
         INSERT INTO segment_refreshes (refresh_id, segment_id, definition_version, member_count, joined, \"left\") \
             SELECT 2, id, 1, 2, 1, 0 FROM segments; \
         INSERT INTO subscriber_deletions VALUES (99, now())",
    );
    app.database.execute(UP);
    for up in LATER_UP {
        app.database.execute(up);
    }
    let counts = |key: &str| {
        let selection =
            "changes(first: 1) { nodes { memberCount joinedCount leftCount deletedCount } }";
        ask_segment(&app, key, selection)["changes"]["nodes"][0].take()
    };
    let expected = |left: i32, deleted: i32| json!({"memberCount": 2, "joinedCount": 1, "leftCount": left, "deletedCount": deleted});
    assert_eq!(counts("now"), expected(1, 1));
    assert_eq!(counts("lt"), expected(0, 2));
    // It goes on from there.
    let server = OtherServer::over(&app);
    let start: Value = position(&app, "now");
    let anna = set_country(&app, "anna", "LT");
    follow(&app);
    delete(&app, &anna);
    let mut listener = server.follow("now", &start);
    assert_eq!(listener.change().0, [""; 0]);
    assert_eq!(listener.change(), (emails(&[]), vec![], vec![anna]));
}
