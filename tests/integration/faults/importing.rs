//! An import that is killed.

use super::kill_postgres;
use crate::support::{TestDatabase, cluster_dir, rollcall, run};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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
            // Somebody whom the file names again, who says to be subscribed, and rows that cannot be used.
            if row % 100 == 99 {
                let _ = writeln!(people, "p{}@example.com,Again,LV,,,c", row / 2);
                let _ = writeln!(people, "nobody {row},Nobody,,,,");
            }
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

/// Everything that an import wrote, but for ids and times, which are those of its own run.
fn written(database: &TestDatabase) -> String {
    let people = "row_number() OVER (ORDER BY s.id), s.email, s.status, s.first_name, s.country, s.birthday, s.custom, \
        (SELECT count(*) FROM group_memberships m WHERE m.subscriber_id = s.id), s.updated_at = (SELECT min(started_at) FROM imports)";
    let parts = [
        format!("SELECT string_agg(p::text, ';') FROM (SELECT {people} FROM subscribers s ORDER BY s.id) p"),
        "SELECT string_agg(concat_ws(',', e.name, s.email, e.occurred_at, e.value, e.properties), ';' ORDER BY e.id) \
         FROM events e JOIN subscribers s ON s.id = e.subscriber_id"
            .to_owned(),
        "SELECT string_agg(concat_ws(',', s.email, t.name, t.count, t.value_sum, t.first_at, t.last_at), ';' ORDER BY s.email, t.name) \
         FROM event_totals t JOIN subscribers s ON s.id = t.subscriber_id"
            .to_owned(),
        "SELECT string_agg(concat_ws(',', p.line, p.kind, p.value, p.reason), ';' ORDER BY p.id) FROM import_problems p".to_owned(),
        "SELECT string_agg(concat_ws(',', i.state, i.done_rows, i.batches, i.counts), ';') FROM imports i".to_owned(),
        "SELECT count(*)::text FROM import_changes".to_owned(),
    ];
    let parts = parts.map(|part| {
        let text = database.ask(&part);
        // The whole text where it can be read in a failure, and its sum where not.
        if text.len() > 400 {
            format!("{} {:x}", text.len(), hash(&text))
        } else {
            text
        }
    });
    parts.join("\n")
}

fn hash(text: &str) -> u64 {
    let bytes = text.bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// People who are there before: some are changed, some have unsubscribed.
fn prepare(database: &TestDatabase) {
    database.execute(
        "INSERT INTO subscribers (email, status, first_name, created_at, updated_at) \
         SELECT 'p' || n * 3 || '@example.com', CASE WHEN n % 5 = 0 THEN 'unsubscribed' ELSE 'subscribed' END, 'Before', \
             '2020-01-01Z', '2020-01-01Z' FROM generate_series(0, 1000) n",
    );
}

/// When an import is killed.
#[derive(Clone, Copy)]
enum Moment {
    /// So long after its start: where that is depends on what else the machine does.
    After(Duration),
    /// When more rows than that many are stored.
    Stored(i64),
}

/// Kills an import, begun or resumed; returns whether it was killed before its end.
fn kill_at(database: &TestDatabase, mut command: std::process::Command, moment: Moment) -> bool {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    match moment {
        Moment::After(pause) => std::thread::sleep(pause),
        Moment::Stored(before) => {
            while count_done_rows(database) <= before
                && child.try_wait().expect("a child can be asked").is_none()
            {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    let is_running = child.try_wait().expect("a child can be asked").is_none();
    if is_running {
        child.kill().expect("the import still runs");
    }
    child.wait().expect("a child ends");
    database.wait_for_end_of_processes();
    is_running
}

fn resume(database: &TestDatabase) -> std::process::Command {
    rollcall(&["import", "resume", "1", "--database-url", &database.url])
}

fn count_done_rows(database: &TestDatabase) -> i64 {
    let rows = database.ask("SELECT coalesce(max(done_rows), 0) FROM imports");
    rows.parse().expect("a number")
}

/// What is stored is what the first rows say, up to the checkpoint: each row whole, with its memberships.
#[track_caller]
fn assert_nothing_is_half(database: &TestDatabase) -> i64 {
    let wrong = database.ask(
        "SELECT count(*) FROM subscribers s WHERE s.first_name IS DISTINCT FROM 'Before' AND \
         NOT EXISTS (SELECT FROM group_memberships m WHERE m.subscriber_id = s.id)",
    );
    assert_eq!(wrong, "0", "who was imported is in the group");
    let counted = database.ask(
        "SELECT (i.counts ->> 'addedToGroup')::bigint = (SELECT count(*) FROM group_memberships) \
         AND (i.counts ->> 'rows')::bigint = i.done_rows FROM imports i WHERE i.done_rows > 0",
    );
    assert!(
        counted.is_empty() || counted == "true",
        "the report is that of what is stored"
    );
    count_done_rows(database)
}

/// Shows 2 of the issue. One import is killed again and again, each time a bit further on, and resumed.
#[test]
fn twenty_kills_at_random_moments_change_nothing_in_the_end() {
    let files = Files::new();
    let whole = TestDatabase::new();
    prepare(&whole);
    let started = Instant::now();
    let done = run(&mut import(
        &whole,
        "subscribers",
        &files.path("subscribers"),
    ));
    let duration = started.elapsed();
    assert_eq!(done.status.code(), Some(2), "{done}");

    let mut kills: u64 = 0;
    let mut in_the_middle = 0;
    let mut rounds = 0;
    while kills < 20 {
        rounds += 1;
        let database = TestDatabase::new();
        prepare(&database);
        let mut next = import(&database, "subscribers", &files.path("subscribers"));
        let mut before = 0;
        loop {
            // Spread over the time of a batch or two, in an order without a pattern; the first part is the start.
            let part = ((kills + rounds) * 37 % 101) as f64 / 100.0;
            let moment = if kills.is_multiple_of(2) {
                Moment::After(duration.mul_f64(0.1 + 0.35 * part))
            } else {
                Moment::Stored(before)
            };
            if !kill_at(&database, next, moment) {
                break;
            }
            kills += 1;
            let done_rows = assert_nothing_is_half(&database);
            assert!(done_rows >= before, "what was committed stays");
            in_the_middle += u64::from(done_rows > 0);
            before = done_rows;
            let has_begun = database.ask("SELECT count(*) FROM imports") != "0";
            if kills >= 20 && has_begun {
                let ended = run(&mut resume(&database));
                assert_eq!(ended.status.code(), Some(2), "{ended}");
                break;
            }
            next = if has_begun {
                resume(&database)
            } else {
                import(&database, "subscribers", &files.path("subscribers"))
            };
        }
        assert_eq!(written(&database), written(&whole), "after {kills} kills");
    }
    assert!(
        in_the_middle >= 5,
        "{in_the_middle} of {kills} kills found something stored, in {rounds} rounds"
    );
}

#[test]
fn killed_imports_of_events_record_each_event_once() {
    let files = Files::new();
    let people = format!(
        "INSERT INTO subscribers (email, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', '2020-01-01Z', '2020-01-01Z' FROM generate_series(0, {}) n",
        ROWS / 2
    );
    let whole = TestDatabase::new();
    whole.execute(&people);
    let started = Instant::now();
    let done = run(&mut import(&whole, "events", &files.path("events")));
    let duration = started.elapsed();
    assert!(done.status.success(), "{done}");

    let database = TestDatabase::new();
    database.execute(&people);
    let mut next = import(&database, "events", &files.path("events"));
    for moment in [0.3, 0.4, 0.35, 0.45, 0.5] {
        let moment = Moment::After(duration.mul_f64(moment));
        if !kill_at(&database, next, moment) {
            break;
        }
        let recorded = database.ask("SELECT count(*) FROM events");
        assert_eq!(
            recorded,
            database.ask("SELECT coalesce(max(done_rows), 0) FROM imports")
        );
        assert_eq!(
            recorded,
            database.ask("SELECT coalesce(sum(count), 0) FROM event_totals")
        );
        next = if database.ask("SELECT count(*) FROM imports") == "0" {
            import(&database, "events", &files.path("events"))
        } else {
            resume(&database)
        };
    }
    let ended = database.ask("SELECT count(*) FROM imports WHERE state = 'succeeded'");
    if ended == "0" {
        let done = run(&mut resume(&database));
        assert!(done.status.success(), "{done}");
    }
    assert_eq!(written(&database), written(&whole));
}

/// Its own Postgres, which need not have put the last batches on the disk.
#[test]
fn an_import_outlives_its_database() {
    let files = Files::new();
    let dir = cluster_dir("import-kills");
    let data_dir = |name: &str| dir.path().join(name);
    let begin = |name: &str, arguments: &[&str]| {
        let mut command = rollcall(&["import"]);
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(data_dir(name));
        command
    };
    let people = files.path("subscribers");
    let people = people.to_str().expect("a plain path");
    let import = [
        &[
            "subscribers",
            people,
            "--group",
            "readers",
            "--create-group",
        ][..],
        &["--field", "visits:number", "--field", "tags:list"],
    ]
    .concat();
    let whole = run(&mut begin("whole", &import));
    assert_eq!(whole.status.code(), Some(2), "{whole}");

    // How many rows are done, and whether there are more to come.
    let look = || {
        let listed = run(&mut begin("killed", &["list"]));
        assert!(listed.status.success(), "{listed}");
        let line = listed.stdout.lines().nth(1).unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let rows = words.get(5).and_then(|rows| rows.parse::<u64>().ok());
        (rows, words.get(2) == Some(&"running"))
    };
    run(&mut begin("killed", &["list"]));
    let mut kills = 0;
    let mut next = begin("killed", &import);
    for moment in [0, 150, 300] {
        let before = look().0;
        let mut child = next
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // Killed when another batch is there, which need not be on the disk at once.
        while child.try_wait().expect("a child can be asked").is_none() {
            if look().0.unwrap_or_default() > before.unwrap_or_default() {
                std::thread::sleep(Duration::from_millis(moment));
                kills += u64::from(kill_postgres(&data_dir("killed")));
                break;
            }
        }
        child.wait().expect("a child ends");
        next = begin("killed", &["resume", "1"]);
        if !look().1 {
            break;
        }
    }
    assert!(kills > 0, "it was killed before its end");
    if look().1 {
        let ended = run(&mut next);
        assert_eq!(ended.status.code(), Some(2), "{ended}");
    }
    let outcome = |name: &str| {
        let columns = "email,status,first_name,country,birthday,groups,custom.visits,custom.tags";
        let mut export = rollcall(&["export", "subscribers", "--columns", columns]);
        let exported = run(export.arg("--data-dir").arg(data_dir(name)));
        assert!(exported.status.success(), "{exported}");
        let shown = run(&mut begin(name, &["show", "1"]));
        let problems = run(&mut begin(name, &["problems", "1"]));
        (exported.stdout, shown.stdout, problems.stdout)
    };
    assert!(
        outcome("killed") == outcome("whole"),
        "{}",
        outcome("killed").1
    );
}

/// Standard input cannot be read twice: it is copied first, and what is stored then comes of the copy.
#[test]
fn standard_input_that_breaks_off_leaves_nothing() {
    let files = Files::new();
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let spool = dir.path().join("spool");
    let text = std::fs::read(files.path("subscribers")).expect("a file can be read");
    let begin = || {
        let mut command = import(&database, "subscribers", Path::new("-"));
        command
            .arg("--spool-dir")
            .arg(&spool)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("the program starts")
    };
    let mut child = begin();
    let stdin = child.stdin.as_mut().expect("a pipe");
    stdin
        .write_all(&text[..text.len() / 2])
        .expect("the import reads");
    child.kill().expect("it waits for more");
    child.wait().expect("a killed child ends");
    assert_eq!(
        database.ask("SELECT (SELECT count(*) FROM imports) + (SELECT count(*) FROM subscribers)"),
        "0"
    );
    let mut child = begin();
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&text).expect("the import reads");
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
    assert_eq!(
        database.ask("SELECT done_rows FROM imports"),
        (ROWS + 400).to_string()
    );
    let left = std::fs::read_dir(&spool).expect("a directory").count();
    assert_eq!(
        left, 1,
        "only what the killed one left, which is removed when it is old"
    );
}
