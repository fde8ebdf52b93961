//! Imports as jobs: one at a time, stopped and gone on with, and what becomes of their files.

use super::{make_job, subscribers};
use crate::support::{TestApp, eventually};
use rollcall::import::{
    EventImport, ImportMode, ImportOptions, ImportReport, ImportSettings, ImportState, Spool,
    SubscriberImport, cancel, create, get, in_place, resume, run_next, tidy, try_run,
};
use std::path::Path;
use std::sync::atomic::Ordering;

const NOW: &str = "2026-03-01T09:30:00Z";

fn rows(count: usize) -> String {
    let rows: String = (0..count)
        .map(|row| format!("p{row}@example.com,N{row}\n"))
        .collect();
    format!("email,first_name\n{rows}")
}

fn small_batches(app: &TestApp) -> ImportSettings {
    ImportSettings {
        batch_rows: 100,
        ..app.app.imports.clone()
    }
}

fn options() -> rollcall::import::ImportOptions {
    subscribers(SubscriberImport {
        groups: vec!["all".to_owned()],
        create_groups: true,
        ..SubscriberImport::default()
    })
}

/// Everybody with their group, in the order of ids.
fn stored(app: &TestApp) -> String {
    app.database.ask(
        "SELECT md5(string_agg(concat_ws(',', s.email, s.status, s.first_name, s.created_at, s.updated_at, m.added_at), ';' ORDER BY s.id)) \
         FROM subscribers s JOIN group_memberships m ON m.subscriber_id = s.id",
    )
}

#[test]
fn two_imports_at_once_run_one_after_the_other() {
    let app = TestApp::at(NOW);
    let csv = rows(3_000);
    let [first, second] = [0, 1].map(|_| make_job(&app, &options(), csv.as_bytes()).id);
    let settings = small_batches(&app);
    let mut refused = 0;
    std::thread::scope(|scope| {
        let running = scope.spawn(|| try_run(app.db(), first, &settings, |_| {}));
        eventually("the first runs", || {
            app.database.ask(&format!(
                "SELECT done_rows > 0 FROM imports WHERE id = {first}"
            )) == "true"
        });
        let done = loop {
            match try_run(app.db(), second, &settings, |_| {}).expect("an import") {
                None => refused += 1,
                Some(done) => break done,
            }
        };
        let first = running
            .join()
            .expect("no panic")
            .expect("an import")
            .expect("it ran");
        assert_eq!(
            (first.report().created, first.report().unchanged),
            (3_000, 0)
        );
        assert_eq!((done.report().created, done.report().unchanged), (0, 3_000));
    });
    assert!(refused > 0, "the second had to wait");
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "3000");
}

#[test]
fn two_of_the_same_file_may_be_written_beside_the_api() {
    let app = TestApp::at(NOW);
    let csv = rows(2_000);
    let import = make_job(&app, &options(), csv.as_bytes());
    let settings = small_batches(&app);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| try_run(app.db(), import.id, &settings, |_| {}));
        // From the other end, so that they meet.
        for row in (0..2_000).rev().step_by(7) {
            app.database.execute(&format!(
                "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('p{row}@example.com', '{NOW}', '{NOW}') ON CONFLICT DO NOTHING"
            ));
        }
        let done = running
            .join()
            .expect("no panic")
            .expect("an import")
            .expect("it ran");
        let report = done.report();
        assert_eq!(report.created + report.updated, 2_000, "{report:?}");
    });
    assert_eq!(
        app.database.ask("SELECT count(*) FROM subscribers s JOIN group_memberships m ON m.subscriber_id = s.id WHERE s.first_name IS NOT NULL"),
        "2000"
    );
}

#[test]
fn changes_between_the_look_up_and_the_lock_are_noticed() {
    let app = TestApp::at(NOW);
    for email in ["p100@example.com", "p101@example.com", "p102@example.com"] {
        app.subscriber(email, serde_json::json!({}));
    }
    let import = make_job(&app, &options(), rows(200).as_bytes());
    let settings = small_batches(&app);
    // The first batch waits for this address, and the second one, whose people are looked up already, for the first.
    let held = app.database.hold(&format!(
        "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('p0@example.com', '{NOW}', '{NOW}')"
    ));
    let done = std::thread::scope(|scope| {
        let running = scope.spawn(|| try_run(app.db(), import.id, &settings, |_| {}));
        eventually(
            "the first batch waits, and the second one is looked up",
            || {
                app.database.ask(
                "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock' AND query LIKE 'COPY%') || ' ' \
                 || count(*) FILTER (WHERE state = 'idle' AND query LIKE 'SELECT \"subscribers\".\"id\" FROM%') \
                 FROM pg_stat_activity WHERE datname = current_database()",
            ) == "1 1"
            },
        );
        app.database.execute(&format!(
            "DELETE FROM subscribers WHERE email = 'p100@example.com'; \
             UPDATE subscribers SET email = 'other@example.com' WHERE email = 'p101@example.com'; \
             UPDATE subscribers SET first_name = 'N102' WHERE email = 'p102@example.com'; \
             INSERT INTO subscribers (email, created_at, updated_at) VALUES ('p103@example.com', '{NOW}', '{NOW}')"
        ));
        held.commit();
        running
            .join()
            .expect("no panic")
            .expect("an import")
            .expect("it ran")
    });
    // Those of 0 and 103 are there, that of 102 is as it should be, and those of 100 and 101 are new again.
    let report = done.report();
    let counts = (
        report.created,
        report.updated,
        report.unchanged,
        report.added_to_group,
    );
    assert_eq!(counts, (197, 2, 1, 200), "{report:?}");
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM subscribers WHERE first_name LIKE 'N%'"),
        "200"
    );
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "201");
}

#[test]
fn who_is_added_while_a_batch_waits_is_found_by_imports_that_add_nobody() {
    let events: String = (0..200)
        .map(|row| format!("p{row}@example.com,visit,2026-02-01T00:00:00Z\n"))
        .collect();
    let events = format!("email,event,occurred_at\n{events}");
    let updates = subscribers(SubscriberImport {
        mode: ImportMode::Update,
        ..SubscriberImport::default()
    });
    let recorded = ImportOptions::Events(EventImport::default());
    for (options, file) in [(updates, rows(200)), (recorded, events)] {
        let app = TestApp::at(NOW);
        app.database.execute(&format!(
            "INSERT INTO subscribers (email, created_at, updated_at) \
             SELECT 'p' || n || '@example.com', '{NOW}', '{NOW}' FROM generate_series(0, 199) n WHERE n <> 150"
        ));
        let import = make_job(&app, &options, file.as_bytes());
        let settings = small_batches(&app);
        let held = app
            .database
            .hold("SELECT FROM subscribers WHERE email = 'p0@example.com' FOR UPDATE");
        let done = std::thread::scope(|scope| {
            let running = scope.spawn(|| try_run(app.db(), import.id, &settings, |_| {}));
            eventually(&format!("the first batch of {options:?} waits"), || {
                app.database.ask(
                    "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'",
                ) != "0"
            });
            // The second batch is read and looked up by then, as far as it can be.
            std::thread::sleep(std::time::Duration::from_millis(300));
            app.database.execute(&format!(
                "INSERT INTO subscribers (email, created_at, updated_at) VALUES ('p150@example.com', '{NOW}', '{NOW}')"
            ));
            held.commit();
            running
                .join()
                .expect("no panic")
                .expect("an import")
                .expect("it ran")
        });
        let report = done.report();
        assert_eq!(report.created + report.updated, 200, "{report:?}");
    }
}

#[test]
fn cancelled_and_gone_on_with_it_ends_as_if_nothing_had_been() {
    let whole = TestApp::at(NOW);
    let csv = rows(2_000);
    let import = make_job(&whole, &options(), csv.as_bytes());
    try_run(whole.db(), import.id, &small_batches(&whole), |_| {}).expect("an import");

    let app = TestApp::at(NOW);
    let settings = small_batches(&app);
    let import = make_job(&app, &options(), csv.as_bytes());
    let path = import.file_path.clone().expect("a file");
    let mut seen = 0;
    let done = try_run(app.db(), import.id, &settings, |progress| {
        seen = progress.rows;
        if progress.rows == 500 {
            let asked = cancel(app.db(), import.id, &settings, &app.entry());
            assert_eq!(asked.expect("an import").state(), ImportState::Running);
        }
    });
    let done = done.expect("an import").expect("it ran");
    assert_eq!(done.state(), ImportState::Cancelled);
    assert_eq!(done.done_rows, i64::try_from(seen).expect("a number"));
    assert!((500..1_000).contains(&done.done_rows), "{}", done.done_rows);
    assert_eq!(
        app.database.ask("SELECT count(*) FROM group_memberships"),
        done.done_rows.to_string()
    );
    assert!(
        Path::new(&path).exists(),
        "the file is kept for whoever goes on"
    );

    app.set_time("2026-03-02T09:30:00Z");
    let ready = app
        .db()
        .run_here(|connection| resume(connection, import.id));
    assert_eq!(ready.expect("an import").state(), ImportState::Ready);
    let done = run_next(app.db(), &settings)
        .expect("an import")
        .expect("one waits");
    assert_eq!(done.state(), ImportState::Succeeded);
    assert_eq!(
        done.report(),
        ImportReport {
            rows: 2_000,
            created: 2_000,
            added_to_group: 2_000,
            ..ImportReport::default()
        }
    );
    assert_eq!(stored(&app), stored(&whole));
    assert!(
        !Path::new(&path).exists(),
        "the file is not needed any more"
    );
    let again = app
        .db()
        .run_here(|connection| resume(connection, import.id));
    assert!(
        again
            .expect_err("it has ended")
            .to_string()
            .contains("this one is succeeded")
    );
}

#[test]
fn a_process_that_is_told_to_end_leaves_it_to_the_next() {
    let app = TestApp::at(NOW);
    let settings = small_batches(&app);
    let import = make_job(&app, &options(), rows(2_000).as_bytes());
    let stopped = try_run(app.db(), import.id, &settings, |progress| {
        if progress.rows == 300 {
            settings.is_stopping.store(true, Ordering::Relaxed);
        }
    });
    assert!(stopped.is_err());
    let left = app
        .db()
        .run_here(|connection| get(connection, import.id))
        .expect("an import");
    assert_eq!(left.state(), ImportState::Running);
    assert!((300..900).contains(&left.done_rows), "{}", left.done_rows);
    settings.is_stopping.store(false, Ordering::Relaxed);
    let done = run_next(app.db(), &settings)
        .expect("an import")
        .expect("one was left");
    assert_eq!(
        (done.state(), done.report().created),
        (ImportState::Succeeded, 2_000)
    );
}

/// The flags are there when the look begins, so that it is known where they are met.
#[test]
fn a_file_that_is_looked_at_is_no_reason_to_go_on() {
    let app = TestApp::at(NOW);
    let settings = small_batches(&app);
    let import = make_job(&app, &options(), rows(2_000).as_bytes());
    settings.is_stopping.store(true, Ordering::Relaxed);
    assert!(try_run(app.db(), import.id, &settings, |_| {}).is_err());
    settings.is_stopping.store(false, Ordering::Relaxed);
    let now = || {
        let import = app
            .db()
            .run_here(|connection| get(connection, import.id))
            .expect("an import");
        (
            import.state(),
            import.done_rows,
            import.analysis().is_some(),
        )
    };
    assert_eq!(now(), (ImportState::Running, 0, false));

    app.database
        .execute("UPDATE imports SET state = 'ready', cancel_requested = true");
    let done = try_run(app.db(), import.id, &settings, |_| {}).expect("an import");
    assert_eq!(done.expect("it ran").state(), ImportState::Cancelled);
    assert_eq!(now(), (ImportState::Cancelled, 0, false));
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");

    app.db()
        .run_here(|connection| resume(connection, import.id))
        .expect("an import");
    let done = run_next(app.db(), &settings)
        .expect("an import")
        .expect("one waits");
    assert_eq!(done.report().created, 2_000);
}

#[test]
fn one_that_a_dead_process_left_is_cancelled_at_once() {
    let app = TestApp::at(NOW);
    let settings = small_batches(&app);
    let import = make_job(&app, &options(), rows(500).as_bytes());
    app.database
        .execute("UPDATE imports SET state = 'running', started_at = created_at");
    let resumed = app
        .db()
        .run_here(|connection| resume(connection, import.id))
        .expect("an import");
    assert_eq!(
        resumed.state(),
        ImportState::Running,
        "nobody who runs it is disturbed"
    );
    let cancelled = cancel(app.db(), import.id, &settings, &app.entry()).expect("an import");
    assert_eq!(cancelled.state(), ImportState::Cancelled);
    assert!(cancel(app.db(), import.id, &settings, &app.entry()).is_err());
    app.db()
        .run_here(|connection| resume(connection, import.id))
        .expect("an import");
    let done = run_next(app.db(), &settings)
        .expect("an import")
        .expect("one waits");
    assert_eq!(done.report().created, 500);
}

#[test]
fn the_spool_is_empty_in_the_end() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let settings = ImportSettings {
        spool: Spool::new(dir.path().join("spool"), 1_000),
        ..small_batches(&app)
    };
    let files = || {
        std::fs::read_dir(dir.path().join("spool"))
            .expect("a directory")
            .count()
    };
    for (text, is_open) in [
        ("email\nona@example.com\n", false),
        ("nothing of the kind\n", true),
        ("email\nnobody\n", false),
    ] {
        let file = settings.spool.store(text.as_bytes()).expect("a spool");
        let made = app.db().run_here(|connection| {
            create(connection, &options(), "x", Some(&file), app.clock.now())
        });
        assert_eq!(files(), 1);
        let id = made.expect("an import").id;
        let _ = try_run(app.db(), id, &settings, |_| {});
        // Whoever settles what is open needs no second upload.
        assert_eq!(files(), usize::from(is_open), "{text}");
        if is_open {
            rollcall::import::discard(app.db(), id).expect("the file is given up");
        }
        assert_eq!(files(), 0, "{text}");
    }
    let large = settings
        .spool
        .store(&[b'x'; 2_000][..])
        .expect_err("too large");
    assert_eq!(
        large.to_string(),
        "size: expected a file of at most 1000 bytes, found more"
    );
    assert_eq!(files(), 0);
    // Of an import that nobody went on with, after the time to undo it; and of nobody, when it is old.
    let file = settings.spool.store(&b"email\n"[..]).expect("a spool");
    let made = app
        .db()
        .run_here(|connection| create(connection, &options(), "x", Some(&file), app.clock.now()));
    let id = made.expect("an import").id;
    cancel(app.db(), id, &settings, &app.entry()).expect("an import");
    let orphan = settings.spool.store(&b"x"[..]).expect("a spool").path;
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    let handle = std::fs::File::options()
        .write(true)
        .open(&orphan)
        .expect("a file");
    handle.set_modified(old).expect("a time");
    tidy(app.db(), &settings).expect("tidied");
    assert!(!orphan.exists());
    assert_eq!(files(), 1);
    app.set_time("2026-05-01T09:30:00Z");
    tidy(app.db(), &settings).expect("tidied");
    assert_eq!(files(), 0);
    let gone = app
        .db()
        .run_here(|connection| resume(connection, id))
        .expect_err("no file");
    assert!(
        gone.to_string()
            .contains("the file of the import is no longer stored"),
        "{gone}"
    );
}

#[test]
fn a_file_that_changed_since_is_not_taken_for_the_one() {
    let app = TestApp::at(NOW);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("people.csv");
    std::fs::write(&path, rows(10)).expect("a file");
    let file = in_place(&path).expect("a file");
    let made = app
        .db()
        .run_here(|connection| create(connection, &options(), "x", Some(&file), app.clock.now()));
    let id = made.expect("an import").id;
    assert!(
        run_next(app.db(), &app.app.imports)
            .expect("no failure")
            .is_none(),
        "a server leaves the files of others alone"
    );
    std::fs::write(&path, rows(11)).expect("a file");
    let failed = try_run(app.db(), id, &app.app.imports, |_| {}).expect_err("another file");
    assert!(failed.to_string().contains("changed since"), "{failed}");
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
    assert!(path.exists(), "the files of others are not removed");
}

#[test]
fn an_import_that_waits_for_its_file_does_not_for_ever() {
    let app = TestApp::at(NOW);
    let made = app
        .db()
        .run_here(|connection| create(connection, &options(), "x", None, app.clock.now()));
    let id = made.expect("an import").id;
    assert!(try_run(app.db(), id, &app.app.imports, |_| {}).is_err());
    tidy(app.db(), &app.app.imports).expect("tidied");
    let state = || {
        app.db()
            .run_here(|connection| get(connection, id))
            .expect("an import")
            .state()
    };
    assert_eq!(state(), ImportState::Waiting);
    app.set_time("2026-03-03T09:30:00Z");
    tidy(app.db(), &app.app.imports).expect("tidied");
    assert_eq!(state(), ImportState::Failed);
}

#[test]
fn a_group_that_is_deleted_while_people_are_added_ends_the_import() {
    let app = TestApp::at(NOW);
    let settings = small_batches(&app);
    let import = make_job(&app, &options(), rows(2_000).as_bytes());
    let failed = try_run(app.db(), import.id, &settings, |progress| {
        if progress.rows == 300 {
            app.database.execute("DELETE FROM groups");
        }
    });
    let expected =
        "group: a group that the import adds people to was deleted before the import had ended";
    assert_eq!(failed.expect_err("it fails").to_string(), expected);
    let ended = app
        .db()
        .run_here(|connection| get(connection, import.id))
        .expect("an import");
    assert_eq!(ended.state(), ImportState::Failed);
    assert_eq!(ended.error.as_deref(), Some(expected));
    assert_eq!(
        app.database.ask("SELECT count(*) FROM subscribers"),
        ended.done_rows.to_string()
    );
}
