//! One process and its cluster: binaries, data, throw-aways, awkward places.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::{BinarySearch, EmbeddedOptions, EmbeddedPostgres};
use super::{is_gone, scratch, server_pid, socket_in, sql, start};

#[test]
fn without_binaries_the_message_says_what_to_do() {
    let dir = scratch();
    let options = EmbeddedOptions {
        search: BinarySearch::Only(vec![PathBuf::from("/nonexistent/bin")]),
        releases_url: Some("http://127.0.0.1:9/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    for part in [
        "version 14 or newer",
        "searched: /nonexistent/bin",
        "fetching them failed: ",
        "(from http://127.0.0.1:9/releases",
        "install",
        "or set DATABASE_URL",
    ] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn binaries_that_do_not_work_are_named_with_the_reason() {
    let dir = scratch();
    for name in ["postgres", "initdb"] {
        let path = dir.path().join(name);
        fs::write(&path, "#!/bin/sh\necho 'postgres (PostgreSQL) 12.1'\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let options = EmbeddedOptions {
        search: BinarySearch::Only(vec![dir.path().to_owned()]),
        releases_url: Some("http://127.0.0.1:9/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains("its version is 12.1, older than 14"),
        "{message}"
    );
}

#[test]
fn a_cluster_of_another_version_is_refused_with_both_versions() {
    let dir = scratch();
    let options = EmbeddedOptions {
        releases_url: Some("http://127.0.0.1:9/releases".to_owned()),
        ..EmbeddedOptions::lasting(dir.path().join("data"))
    };
    fs::create_dir_all(options.data_dir.join("cluster")).unwrap();
    fs::write(options.data_dir.join("cluster/PG_VERSION"), "99\n").unwrap();
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains("was made by PostgreSQL 99, but this system has only 1"),
        "{message}"
    );
}

#[test]
fn a_lasting_cluster_keeps_its_data_over_stop_and_start() {
    let dir = scratch();
    // A start that was killed half-way would leave this directory.
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    fs::create_dir_all(options.data_dir.join("cluster.new-1-1/base")).unwrap();

    let first = start(&options);
    assert_eq!(sql(first.url(), "SHOW listen_addresses"), "");
    assert_eq!(sql(first.url(), "SHOW fsync"), "on");
    assert_eq!(sql(first.url(), "SHOW server_encoding"), "UTF8");
    assert_eq!(sql(first.url(), "SHOW timezone"), "UTC");
    assert_eq!(sql(first.url(), "SHOW lc_collate"), "C");
    sql(first.url(), "CREATE TABLE kept AS SELECT 42 AS answer");
    let pid = server_pid(&options.data_dir);
    first.stop().unwrap();
    assert!(is_gone(pid));
    assert!(!options.data_dir.join("cluster.new-1-1").exists());

    let second = start(&options);
    assert_eq!(sql(second.url(), "SELECT answer FROM kept"), "42");
}

#[test]
fn a_throwaway_disappears_when_stopped() {
    let dir = scratch();
    let options = EmbeddedOptions::throwaway(dir.path().join("data"));
    let server = start(&options);
    assert_eq!(sql(server.url(), "SHOW fsync"), "off");
    let pid = server_pid(&options.data_dir);
    drop(server);
    assert!(is_gone(pid));
    assert!(!options.data_dir.exists());
    assert!(dir.path().exists());
}

#[test]
fn a_throwaway_is_never_made_among_other_files() {
    let dir = scratch();
    let lasting = EmbeddedOptions::lasting(dir.path().join("data"));
    fs::create_dir(&lasting.data_dir).unwrap();
    fs::write(lasting.data_dir.join("letter"), "precious").unwrap();
    let throwaway = EmbeddedOptions {
        throwaway: true,
        ..lasting.clone()
    };
    let message = EmbeddedPostgres::start(&throwaway).unwrap_err().to_string();
    assert!(message.contains("is not empty"), "{message}");
    assert!(lasting.data_dir.join("letter").exists());

    let throwaway = EmbeddedOptions::throwaway(dir.path().join("other"));
    let lasting = EmbeddedOptions {
        throwaway: false,
        ..throwaway.clone()
    };
    let _server = start(&throwaway);
    let message = EmbeddedPostgres::start(&lasting).unwrap_err().to_string();
    assert!(message.contains("throw-away"), "{message}");
}

#[test]
fn awkward_paths_work() {
    let dir = scratch();
    let long = "a rather long name/".repeat(8);
    for name in ["with space, 'quotes\" and \\", "ünïcode %41 name", &long] {
        let options = EmbeddedOptions::throwaway(dir.path().join(name));
        let server = start(&options);
        assert_eq!(sql(server.url(), "SELECT current_database()"), "rollcall");
        let second = start(&options);
        assert_eq!(sql(second.url(), "SELECT 1"), "1");
        let socket_dir = socket_in(server.url()).parent().unwrap().to_owned();
        let mode = fs::metadata(&socket_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop((server, second));
        assert!(!options.data_dir.exists());
        assert!(!socket_dir.exists());
    }
}

#[test]
fn a_directory_that_is_closed_to_the_servers_user_is_named() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = scratch();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let options = EmbeddedOptions::lasting(closed.join("data"));
    let message = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(
        message.contains(&format!("chmod o+x {}", closed.display())),
        "{message}"
    );
}
