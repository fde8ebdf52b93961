//! An import that is killed.

use crate::support::{Finished, TestDatabase, eventually, rollcall, run};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const ROWS: usize = 20_000;

/// Two files: people of whom every column is set, and two things that each of the first of them did.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let mut people = "email,first_name,country,birthday,visits,tags\n".to_owned();
        let mut events = "email,event,occurred_at,value,properties.shop\n".to_owned();
        for row in 0..ROWS {
            let day = 1 + row % 28;
            let _ = writeln!(
                people,
                "p{row}@example.com,\"Name, {row}\",LT,1990-02-{day:02},{row},a{row}|b"
            );
            let person = row / 2;
            let _ = writeln!(
                events,
                "p{person}@example.com,purchase,2026-02-{day:02}T09:30:00Z,{row}.25,s{row}"
            );
        }
        let dir = tempfile::tempdir().expect("a directory for the files");
        std::fs::write(dir.path().join("subscribers.csv"), people).expect("a file");
        std::fs::write(dir.path().join("events.csv"), events).expect("a file");
        Files { dir }
    }

    fn path(&self, what: &str) -> PathBuf {
        self.dir.path().join(format!("{what}.csv"))
    }
}

/// Prepares `rollcall import` of one of the files; `-` is standard input.
fn import(database: &TestDatabase, what: &str, file: &Path) -> std::process::Command {
    let mut command = rollcall(&["import", what, "--database-url", &database.url]);
    command.arg(file);
    if what == "subscribers" {
        let more = [
            "--group",
            "readers",
            "--create-group",
            "--field",
            "visits:number",
            "--field",
            "tags:list",
        ];
        command.args(more);
    }
    command
}

#[track_caller]
fn import_whole(database: &TestDatabase, files: &Files, what: &str) -> (Finished, Duration) {
    let started = Instant::now();
    let done = run(&mut import(database, what, &files.path(what)));
    assert!(done.status.success(), "{done}");
    (done, started.elapsed())
}

/// Starts an import that has read that much of its file and waits for more.
fn import_some_bytes(database: &TestDatabase, files: &Files, what: &str, bytes: usize) -> Child {
    let text = std::fs::read(files.path(what)).expect("a file can be read");
    let mut command = import(database, what, Path::new("-"));
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let stdin = child.stdin.as_mut().expect("a pipe");
    stdin.write_all(&text[..bytes]).expect("the import reads");
    child
}

fn kill(database: &TestDatabase, mut child: Child) {
    child.kill().expect("the import still runs");
    child.wait().expect("a killed child ends");
    database.wait_for_end_of_processes();
}

/// Kills an import after a while, if it has not ended by then; returns whether it was killed.
fn kill_after(database: &TestDatabase, files: &Files, what: &str, moment: Duration) -> bool {
    let mut command = import(database, what, &files.path(what));
    let mut child = command
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(moment);
    let is_running = child.try_wait().expect("a child can be asked").is_none();
    if is_running {
        kill(database, child);
    }
    is_running
}

/// Returns how many subscribers are stored, after checking that each row is exactly that of the whole import and that
/// each is in the group: a batch and its memberships come together.
#[track_caller]
fn assert_whole_rows(database: &TestDatabase, whole: &TestDatabase) -> usize {
    let columns = "email, status, first_name, country, birthday, custom";
    let different = database.ask(&format!(
        "SELECT count(*) FROM (SELECT {columns} FROM subscribers EXCEPT ALL SELECT {columns} FROM {}.subscribers) d",
        whole.name()
    ));
    assert_eq!(different, "0", "every stored row is whole");
    let outside = database.ask(
        "SELECT count(*) FROM subscribers s FULL JOIN group_memberships m ON m.subscriber_id = s.id \
         WHERE s.id IS NULL OR m.subscriber_id IS NULL",
    );
    assert_eq!(outside, "0", "every stored subscriber is in the group");
    let stored = database.ask("SELECT count(*) FROM subscribers");
    stored.parse().expect("a number")
}

#[test]
fn a_killed_import_of_subscribers_can_be_run_again() {
    let files = Files::new();
    let whole = TestDatabase::new();
    let (_, duration) = import_whole(&whole, &files, "subscribers");
    assert_eq!(assert_whole_rows(&whole, &whole), ROWS);

    let database = TestDatabase::new();
    // Half-way for certain: some batches are stored, and the rest of the file has not come yet.
    let half = std::fs::metadata(files.path("subscribers"))
        .expect("a file")
        .len()
        / 2;
    let half = usize::try_from(half).expect("a small file");
    let child = import_some_bytes(&database, &files, "subscribers", half);
    eventually("a batch is stored", || {
        database.ask("SELECT count(*) FROM pg_class WHERE relname = 'subscribers' AND relnamespace = current_schema()::regnamespace") == "1"
            && database.ask("SELECT count(*) > 0 FROM subscribers") == "true"
    });
    kill(&database, child);
    let stored = assert_whole_rows(&database, &whole);
    assert!(stored > 0 && stored < ROWS, "{stored}");

    let mut stored = stored;
    for moment in [0.2, 0.45, 0.7] {
        kill_after(&database, &files, "subscribers", duration.mul_f64(moment));
        let now_stored = assert_whole_rows(&database, &whole);
        assert!(now_stored >= stored, "what was stored stays");
        stored = now_stored;
    }
    let (again, _) = import_whole(&database, &files, "subscribers");
    assert!(
        again.stdout.starts_with(&format!("{ROWS} rows\n")),
        "{again}"
    );
    assert!(!again.stdout.contains("updated"), "{again}");
    assert_eq!(assert_whole_rows(&database, &whole), ROWS);
}

#[test]
fn a_killed_import_of_events_leaves_none() {
    let files = Files::new();
    let database = TestDatabase::new();
    database.execute(&format!(
        "INSERT INTO subscribers (email, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', now(), now() FROM generate_series(0, {}) n",
        ROWS / 2
    ));
    let nothing = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM event_totals)";

    let half = std::fs::metadata(files.path("events"))
        .expect("a file")
        .len()
        / 2;
    let half = usize::try_from(half).expect("a small file");
    let child = import_some_bytes(&database, &files, "events", half);
    // Batches have been written, and their transaction waits for the rest of the file.
    eventually("the import waits for the rest of its file", || {
        database.ask(&format!(
            "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
             WHERE a.application_name = '{}-process' AND a.state = 'idle in transaction' \
             AND l.mode = 'RowExclusiveLock' AND l.relation = '{}.events'::regclass",
            database.name(),
            database.name()
        )) == "1"
    });
    kill(&database, child);
    assert_eq!(database.ask(nothing), "0");

    let (_, duration) = {
        let other = TestDatabase::new();
        other.execute(&format!(
            "INSERT INTO subscribers (email, created_at, updated_at) SELECT email, now(), now() FROM {}.subscribers",
            database.name()
        ));
        import_whole(&other, &files, "events")
    };
    for moment in [0.3, 0.6] {
        if kill_after(&database, &files, "events", duration.mul_f64(moment)) {
            let stored = database.ask("SELECT count(*) FROM events");
            assert!(stored == "0" || stored == ROWS.to_string(), "{stored}");
        }
        database.execute("TRUNCATE events, event_totals");
    }
    import_whole(&database, &files, "events");
    let wrong = database.ask(
        "SELECT count(*) FROM event_totals t FULL JOIN ( \
             SELECT subscriber_id, name, count(*) AS count, sum(value) AS sum, min(occurred_at) AS first, max(occurred_at) AS last \
             FROM events GROUP BY subscriber_id, name) e USING (subscriber_id, name) \
         WHERE (t.count, t.value_sum, t.first_at, t.last_at) IS DISTINCT FROM (e.count, e.sum, e.first, e.last)",
    );
    assert_eq!(wrong, "0", "totals are those of the events");
    assert_eq!(
        database.ask("SELECT sum(count) FROM event_totals"),
        ROWS.to_string()
    );
}
