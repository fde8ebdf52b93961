//! Circumstances in which the program cannot start.

use crate::support::{Finished, TestDatabase, rollcall, run};
use insta::assert_snapshot;
use rollcall::db::embedded::{BinarySearch, EmbeddedError, EmbeddedOptions, EmbeddedPostgres};
use std::net::TcpListener;

/// A port of this machine on which nobody listens, or, while the listener lives, only the test.
fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port.to_string())
}

#[test]
fn a_database_that_cannot_be_reached() {
    let (listener, port) = port();
    drop(listener);
    let show = |done: Finished| done.to_string().replace(&port, "PORT");
    let url = format!("postgres://rollcall@127.0.0.1:{port}/rollcall");
    let with_variable = |arguments: &[&str]| run(rollcall(arguments).env("DATABASE_URL", &url));
    assert_snapshot!(show(with_variable(&["serve"])), @r#"
    exit code 1
    rollcall: the database is not available: connection to server at "127.0.0.1", port PORT failed: Connection refused; Is the server running on that host and accepting TCP/IP connections?; check DATABASE_URL and that Postgres runs, or unset it to use the embedded one
    "#);
    for command in [
        &["refresh"][..],
        &["migrate"],
        &["demo"],
        &["import", "events", "/dev/null"],
    ] {
        let done = with_variable(command);
        assert_eq!(done.status.code(), Some(1), "{done}");
        assert!(done.stderr.contains("Connection refused"), "{done}");
    }
    let socket = "postgres://rollcall@%2Fnonexistent/rollcall";
    assert_snapshot!(run(&mut rollcall(&["refresh", "--database-url", socket])), @r#"
    exit code 1
    rollcall: the database is not available: connection to server on socket "/nonexistent/.s.PGSQL.5432" failed: No such file or directory; Is the server running locally and accepting connections on that socket?; check DATABASE_URL and that Postgres runs, or unset it to use the embedded one
    "#);
    assert_snapshot!(run(&mut rollcall(&["refresh", "--database-url", "mysql://localhost/a"])), @r#"
    exit code 1
    rollcall: the database is not available: missing "=" after "mysql://localhost/a" in connection info string; check DATABASE_URL and that Postgres runs, or unset it to use the embedded one
    "#);
}

#[test]
fn a_database_that_refuses_us_is_said_without_its_password() {
    let database = TestDatabase::without_tables();
    let url = database.url.replace("rollcall@", "nobody:secret@");
    let done = run(&mut rollcall(&["refresh", "--database-url", &url]));
    assert_eq!(done.status.code(), Some(1));
    assert!(
        done.stderr.contains("role \"nobody\" does not exist"),
        "{done}"
    );
    assert!(!done.stderr.contains("secret"), "{done}");
}

#[test]
fn a_port_that_another_program_uses() {
    let database = TestDatabase::new();
    let (_listener, port) = port();
    let listen = format!("127.0.0.1:{port}");
    let arguments = [
        "serve",
        "--database-url",
        &database.url,
        "--listen",
        &listen,
    ];
    let done = run(&mut rollcall(&arguments));
    assert_snapshot!(done.to_string().replace(&port, "PORT"), @r#"
    exit code 1
    rollcall: cannot listen on 127.0.0.1:PORT: Address already in use (os error 98); another program uses that port; stop it or choose another with --listen 127.0.0.1:PORT
    "#);
}

#[test]
fn an_address_that_others_can_reach() {
    let database = TestDatabase::new();
    let serve = |listen: &str| {
        run(&mut rollcall(&[
            "serve",
            "--database-url",
            &database.url,
            "--listen",
            listen,
        ]))
    };
    assert_snapshot!(serve("0.0.0.0:7655"), @r#"
    exit code 1
    rollcall: cannot listen on 0.0.0.0:7655: without API keys Rollcall answers on loopback only; make a key first with `rollcall key create NAME --scope read`, or listen on 127.0.0.1
    "#);
    assert_snapshot!(serve("[::]:7655"), @r#"
    exit code 1
    rollcall: cannot listen on [::]:7655: without API keys Rollcall answers on loopback only; make a key first with `rollcall key create NAME --scope read`, or listen on 127.0.0.1
    "#);
    assert_snapshot!(serve("localhost"), @r#"
    exit code 2
    error: invalid value 'localhost' for '--listen <LISTEN>': expected an address and a port such as 127.0.0.1:7655 or [::1]:7655

    For more information, try '--help'.
    "#);
}

#[test]
fn settings_that_make_no_sense() {
    let refresh = |arguments: &[&str]| run(rollcall(&["refresh"]).args(arguments));
    assert_snapshot!(refresh(&["--time-zone", "Europe/Vilnus"]), @r#"
    exit code 2
    error: invalid value 'Europe/Vilnus' for '--time-zone <TIME_ZONE>': expected an IANA time zone such as Europe/Vilnius; did you mean "Europe/Vilnius"?

    For more information, try '--help'.
    "#);
    assert_snapshot!(refresh(&["--time-zone", "Middle/Earth"]), @r#"
    exit code 2
    error: invalid value 'Middle/Earth' for '--time-zone <TIME_ZONE>': expected an IANA time zone such as Europe/Vilnius

    For more information, try '--help'.
    "#);
    assert_snapshot!(refresh(&["--refresh-at", "25:00"]), @r#"
    exit code 2
    error: invalid value '25:00' for '--refresh-at <REFRESH_AT>': expected a time from 00:00 to 23:59, such as 03:00

    For more information, try '--help'.
    "#);
    assert_snapshot!(refresh(&["--now", "yesterday"]), @r#"
    exit code 2
    error: invalid value 'yesterday' for '--now <TIME>': expected a time such as "2026-03-01T09:30:00Z", found "yesterday"

    For more information, try '--help'.
    "#);
    assert_snapshot!(refresh(&["--workers", "0"]), @r#"
    exit code 2
    error: invalid value '0' for '--workers <WORKERS>': 0 is not in 1..=64

    For more information, try '--help'.
    "#);
}

#[test]
fn a_segment_that_does_not_exist_cannot_be_refreshed() {
    let database = TestDatabase::new();
    let arguments = [
        "refresh",
        "--segment",
        "nobody",
        "--database-url",
        &database.url,
    ];
    assert_snapshot!(run(&mut rollcall(&arguments)), @r#"
    exit code 1
    rollcall: no segment "nobody" exists
    "#);
}

#[test]
fn no_postgres_binaries() {
    let dir = tempfile::tempdir_in("/tmp").expect("a directory");
    let options = EmbeddedOptions {
        search: BinarySearch::Only(Vec::new()),
        releases_url: Some("http://127.0.0.1:9/none".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    let error = EmbeddedPostgres::start(&options).expect_err("there is no server to start");
    let EmbeddedError::NoBinaries(missing) = &error else {
        panic!("{error}");
    };
    let text = error.to_string();
    let text = text.replace(&missing.install, "INSTALL");
    assert_snapshot!(text.replace(&dir.path().display().to_string(), "DIR"), @r#"
    no PostgreSQL server of version 14 or newer was found, and none could be fetched
      searched: DIR/data/binaries
      fetching them failed: io: Connection refused (os error 111) (from http://127.0.0.1:9/none?per_page=100&page=1)
      to mend this: INSTALL, or set DATABASE_URL to a running PostgreSQL
    "#);
    assert!(missing.install.contains("install"), "{}", missing.install);
}
