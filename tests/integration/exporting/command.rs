//! `rollcall export`, the real program.

use crate::support::{Finished, TestDatabase, Watched, import_text, rollcall, run, watch};
use insta::assert_snapshot;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

fn export(database: &TestDatabase, dir: &Path, arguments: &[&str]) -> Finished {
    let mut command = rollcall(&["export", "--database-url", &database.url]);
    run(command.args(arguments).current_dir(dir))
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let names = entries.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_server_is_moved_with_a_few_commands() {
    let (from, to) = (TestDatabase::new(), TestDatabase::new());
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let people = "email,first_name,phone,created_at,plan,things\n\
        ona@example.com,Ona,'+370 600,2025-01-01T00:00:00Z,=gold,tea|\"[\"\"books\"\"]\"\njonas@example.com,日本,,2025-01-02T00:00:00Z,,\n";
    let fields = [
        "--group",
        "staff",
        "--create-group",
        "--field",
        "plan:text",
        "--field",
        "things:list",
    ];
    assert!(
        import_text(&from, "subscribers", people, &fields)
            .status
            .success()
    );
    assert!(import_text(&from, "events", "email,event,occurred_at,value,properties.sku\nona@example.com,purchase,2026-01-01T00:00:00Z,9.90,A-1\n", &[]).status.success());

    assert_snapshot!(export(&from, dir, &["subscribers", "-o", "people.csv"]), @r#"
    exit code 0
    2 rows in people.csv
    "#);
    assert_snapshot!(export(&from, dir, &["group", "staff", "--columns", "email", "-o", "staff.csv"]), @r#"
    exit code 0
    2 rows in staff.csv
    "#);
    assert_snapshot!(export(&from, dir, &["events", "--output", "events.csv"]), @r#"
    exit code 0
    1 row in events.csv
    "#);
    let import = |arguments: &[&str]| {
        let mut command = rollcall(&["import", "--database-url", &to.url]);
        run(command.args(arguments).current_dir(dir))
    };
    for arguments in [
        &[
            "subscribers",
            "people.csv",
            "--field",
            "custom.plan:text",
            "--field",
            "custom.things:list",
        ][..],
        &[
            "subscribers",
            "staff.csv",
            "--group",
            "staff",
            "--create-group",
        ],
        &["events", "events.csv"],
    ] {
        assert!(import(arguments).status.success(), "{arguments:?}");
    }
    for arguments in [&["subscribers"][..], &["group", "staff"], &["events"]] {
        let before = export(&from, dir, arguments);
        assert_eq!(export(&to, dir, arguments).stdout, before.stdout);
        assert!(
            before.stdout.lines().count() > 1 && before.stderr.is_empty(),
            "{before}"
        );
    }
}

#[test]
fn a_file_is_there_only_when_it_is_whole() {
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("people.csv");
    std::fs::write(&path, "the old one").expect("a file");
    let refused = export(
        &database,
        dir.path(),
        &["group", "nobody", "-o", "people.csv"],
    );
    assert_snapshot!(refused, @r#"
    exit code 1
    rollcall: group: expected the key of a group, found "nobody", which does not exist
    "#);
    assert_eq!(
        std::fs::read_to_string(&path).expect("a file"),
        "the old one"
    );

    // A link stays one, and what it leads to becomes the new file.
    std::os::unix::fs::symlink("people.csv", dir.path().join("link.csv")).expect("a link");
    assert!(
        export(
            &database,
            dir.path(),
            &["subscribers", "--columns", "email", "-o", "link.csv"]
        )
        .status
        .success()
    );
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "email\n");
    assert_eq!(names(dir.path()), ["link.csv", "people.csv"]);
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(
        mode & 0o777,
        0o600,
        "other people's data is for the owner's eyes"
    );

    // What is no regular file is written to and not replaced.
    assert!(
        export(&database, dir.path(), &["subscribers", "-o", "/dev/null"])
            .status
            .success()
    );
    let null = std::fs::metadata("/dev/null").expect("a device");
    assert!(null.file_type().is_char_device());

    let nowhere = export(
        &database,
        dir.path(),
        &["subscribers", "-o", "missing/people.csv"],
    );
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(
        nowhere
            .stderr
            .contains("\"missing/people.csv\" cannot be written"),
        "{nowhere}"
    );
    let full = export(&database, dir.path(), &["subscribers", "-o", "/dev/full"]);
    assert_eq!(full.status.code(), Some(1));
    assert!(
        full.stderr.contains("\"/dev/full\" cannot be written"),
        "{full}"
    );
}

#[test]
fn an_export_that_breaks_off_leaves_the_old_file() {
    let database = TestDatabase::new();
    database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('ona@example.com', now(), now())",
    );
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("people.csv");
    std::fs::write(&path, "the old one").expect("a file");
    // The first page needs the groups, and cannot have them.
    let _held = database.hold("LOCK TABLE groups IN ACCESS EXCLUSIVE MODE");
    let arguments = [
        "subscribers",
        "--columns",
        "email,groups",
        "-o",
        "people.csv",
    ];
    std::thread::scope(|scope| {
        let exporting = scope.spawn(|| export(&database, dir.path(), &arguments));
        database.wait_for_waiting(1);
        assert_eq!(
            names(dir.path()).len(),
            2,
            "it is written under another name"
        );
        database.cut();
        let broken = exporting.join().expect("no panic");
        assert_eq!(broken.status.code(), Some(1));
        assert!(
            broken.stderr.contains("the database is not available"),
            "{broken}"
        );
    });
    assert_eq!(names(dir.path()), ["people.csv"]);
    assert_eq!(
        std::fs::read_to_string(&path).expect("a file"),
        "the old one"
    );
}

#[test]
fn whoever_reads_may_stop() {
    let database = TestDatabase::new();
    database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) SELECT n || '@example.com', now(), now() FROM generate_series(1, 50000) n",
    );
    let mut command = rollcall(&["export", "subscribers", "--database-url", &database.url]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(1), &b""[..])
    );
}

#[test]
fn rules_come_from_files_and_mistakes_are_told() {
    let database = TestDatabase::new();
    assert!(
        import_text(
            &database,
            "subscribers",
            "email,country\nona@example.com,LT\nanna@example.com,DE\n",
            &[]
        )
        .status
        .success()
    );
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(
        dir.join("rule.json"),
        r#"{"text": {"field": "country", "is": {"equals": "LT"}}}"#,
    )
    .expect("a file");
    std::fs::write(
        dir.join("wrong.json"),
        r#"{"text": {"field": "cuntry", "is": {"equals": "LT"}}}"#,
    )
    .expect("a file");
    std::fs::write(dir.join("broken.json"), "{").expect("a file");
    assert_snapshot!(export(&database, dir, &["rule", "rule.json", "--columns", "email,country", "--format", "ndjson"]), @r#"
    exit code 0
    {"email":"ona@example.com","country":"LT"}
    "#);
    assert_snapshot!(export(&database, dir, &["rule", "wrong.json"]), @r#"
    exit code 1
    rollcall: the rule is not valid: text.field: expected a field, found "cuntry", which does not exist (did you mean "country"?)
    "#);
    assert_snapshot!(export(&database, dir, &["rule", "broken.json"]), @r#"
    exit code 1
    rollcall: expected a rule as JSON in "broken.json": EOF while parsing an object at line 1 column 1
    "#);
    assert_snapshot!(export(&database, dir, &["rule", "none.json"]), @r#"
    exit code 1
    rollcall: the rule "none.json" cannot be read: No such file or directory (os error 2)
    "#);
    assert_snapshot!(export(&database, dir, &["subscribers", "--columns", "emial"]), @r#"
    exit code 1
    rollcall: columns: expected names of columns, found "emial" (did you mean "email"?)
    "#);
    assert_snapshot!(export(&database, dir, &["subscribers", "--status", "gone"]), @r#"
    exit code 2
    error: invalid value 'gone' for '--status <NAMES>': expected a status (subscribed, unsubscribed, bounced, complained, pending)

    For more information, try '--help'.
    "#);
    assert_snapshot!(export(&database, dir, &["person", "nobody@example.com"]), @r#"
    exit code 1
    rollcall: no subscriber "nobody@example.com" exists
    "#);
    assert_snapshot!(export(&database, dir, &["person", "ona@example.com"]).stdout.lines().next().unwrap_or_default(), @"{");
}

#[test]
fn a_terminal_shows_a_bar_unless_the_rows_are_shown_in_it() {
    let database = TestDatabase::new();
    database.execute(
        "INSERT INTO subscribers (email, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', '2020-01-01Z', '2020-01-01Z' FROM generate_series(1, 30000) n",
    );
    let dir = tempfile::tempdir().expect("a directory");
    let export = |arguments: &[&str]| {
        let mut command = rollcall(&["export", "subscribers", "--columns", "email"]);
        command.args(["--database-url", &database.url]);
        watch(command.args(arguments).current_dir(dir.path()), 24, 80)
    };
    let bar = regex::Regex::new(r"^[█░]{24} +\d+%  \d+ rows, \d+/s  \d+s left$");
    let bar = bar.expect("an expression");
    let shows_bar = |watched: &Watched| {
        let mut lines = watched.screens.iter().flat_map(|screen| screen.lines());
        lines.any(|line| bar.is_match(line.trim_end()))
    };
    let whole = export(&["-o", "people.csv"]);
    assert!(shows_bar(&whole), "{:?}", whole.screens);
    assert_snapshot!(whole, @r#"
    exit status: 0
    30000 rows in people.csv
    "#);
    let shown = export(&[]);
    assert!(!shows_bar(&shown), "the rows are there");
    assert_eq!(shown.last().lines().last(), Some("p30000@example.com"));
}
