//! Tests of killed upgrades, and of clusters for which there are only newer binaries.

use super::super::{
    BinarySearch, EmbeddedOptions, EmbeddedPostgres, NewBinaries, TransferMode, upgrade,
};
use super::{scratch, sql, start};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a cluster with a table that holds this value.
fn cluster_with(data_dir: &Path, value: &str) -> EmbeddedOptions {
    let options = EmbeddedOptions::lasting(data_dir);
    let server = start(&options);
    sql(
        server.url(),
        &format!("CREATE TABLE kept AS SELECT '{value}'::text AS value"),
    );
    server.stop().unwrap();
    options
}

/// Starts the cluster and returns the value.
fn value_in(options: &EmbeddedOptions) -> String {
    let server = start(options);
    let value = sql(server.url(), "SELECT value FROM kept");
    server.stop().unwrap();
    value
}

fn move_dir(from: PathBuf, to: PathBuf) {
    fs::rename(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

/// Makes binaries that print this version and can do nothing else.
fn programs(dir: &Path, version: &str, names: &[&str]) -> PathBuf {
    let dir = dir.join(format!("programs-{version}"));
    fs::create_dir(&dir).unwrap();
    for name in names {
        let path = dir.join(name);
        let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    dir
}

#[test]
fn an_upgrade_that_was_killed_before_its_end_leaves_the_old_cluster() {
    let dir = scratch();
    let data = dir.path().join("data");
    let options = cluster_with(&data, "old");
    // The state just before pg_upgrade --link links files, with a process that is still at work.
    let global = data.join("cluster/global");
    move_dir(global.join("pg_control"), global.join("pg_control.old"));
    let place = data.join("upgrade.new-1");
    fs::create_dir_all(place.join("cluster/base")).unwrap();
    let log = fs::File::create(place.join("upgrade.log")).unwrap();
    log.lock().unwrap();
    let mut at_work = Command::new("sleep").arg("1").stdout(log).spawn().unwrap();
    assert_eq!(value_in(&options), "old");
    assert!(!place.exists());
    assert!(
        at_work.try_wait().unwrap().is_some(),
        "it was not waited for"
    );
}

#[test]
fn a_switch_that_was_killed_is_finished() {
    for is_moved in [false, true] {
        let dir = scratch();
        let data = dir.path().join("data");
        let options = cluster_with(&data, "old");
        cluster_with(&dir.path().join("other"), "new");
        move_dir(dir.path().join("other/cluster"), data.join("cluster.next"));
        if is_moved {
            move_dir(data.join("cluster"), data.join("cluster.old"));
        }
        assert_eq!(value_in(&options), "new", "{is_moved}");
        let left = ["cluster.next", "cluster.old"].map(|name| data.join(name).exists());
        assert_eq!(left, [false, false], "{is_moved}");
    }
}

#[test]
fn a_switch_moves_what_an_earlier_one_left_out_of_its_way() {
    let dir = scratch();
    let data = dir.path().join("data");
    let options = cluster_with(&data, "old");
    cluster_with(&dir.path().join("other"), "new");
    move_dir(dir.path().join("other/cluster"), data.join("cluster.next"));
    fs::create_dir(data.join("cluster.old")).unwrap();
    fs::write(data.join("cluster.old/PG_VERSION"), "13").unwrap();
    assert_eq!(value_in(&options), "new");
    assert!(!data.join("cluster.old").exists());
}

#[test]
fn the_old_cluster_stays_while_the_new_one_does_not_start() {
    let dir = scratch();
    let data = dir.path().join("data");
    let options = cluster_with(&data, "old");
    cluster_with(&dir.path().join("other"), "new");
    move_dir(dir.path().join("other/cluster"), data.join("cluster.next"));
    let settings = data.join("cluster.next/postgresql.conf");
    let good = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, "nothing_of_that_name = 1\n").unwrap();
    EmbeddedPostgres::start(&options).unwrap_err();
    assert!(data.join("cluster.old/PG_VERSION").exists());
    fs::write(data.join("cluster/postgresql.conf"), good).unwrap();
    assert_eq!(value_in(&options), "new");
    assert!(!data.join("cluster.old").exists());
}

#[test]
fn with_newer_binaries_only_the_command_that_upgrades_is_named() {
    let dir = scratch();
    let data = dir.path().join("data");
    let nowhere = "http://127.0.0.1:9/releases";
    fs::create_dir_all(data.join("cluster")).unwrap();
    fs::write(data.join("cluster/PG_VERSION"), "98\n").unwrap();
    let refused = |version: &str| {
        let search =
            BinarySearch::Only(vec![programs(dir.path(), version, &["postgres", "initdb"])]);
        let options = EmbeddedOptions {
            search,
            releases_url: Some(nowhere.to_owned()),
            ..EmbeddedOptions::lasting(&data)
        };
        EmbeddedPostgres::start(&options).unwrap_err().to_string()
    };
    let newer = refused("99.1");
    let named = format!(
        "run `rollcall upgrade-database --data-dir {}`",
        data.display()
    );
    assert!(newer.contains(&named), "{newer}");
    let older = refused("97.1");
    assert!(!older.contains("upgrade-database"), "{older}");
}

#[test]
fn binaries_that_cannot_upgrade_are_named_with_the_reason() {
    let dir = scratch();
    let data = dir.path().join("data");
    let options = cluster_with(&data, "old");
    let refused = |new: NewBinaries| {
        let options = EmbeddedOptions {
            releases_url: Some("http://127.0.0.1:9/releases".to_owned()),
            ..options.clone()
        };
        let refused = upgrade(&options, &new, TransferMode::Copy);
        refused.expect_err("refused").to_string()
    };
    let of = |dir: PathBuf| NewBinaries {
        dir: Some(dir),
        major: None,
    };
    let old = refused(of(programs(dir.path(), "14.1", &["postgres", "initdb"])));
    assert!(old.contains("its version is 14.1, not newer"), "{old}");
    let few = refused(of(programs(dir.path(), "99.1", &["postgres", "initdb"])));
    assert!(few.contains("it has no pg_controldata"), "{few}");
    let none = refused(of(PathBuf::from("/nonexistent")));
    assert!(
        none.contains("/nonexistent: postgres does not run"),
        "{none}"
    );
    let back = refused(NewBinaries {
        dir: None,
        major: Some(14),
    });
    assert!(back.contains("cannot be moved back to 14"), "{back}");
    let unknown = refused(NewBinaries {
        dir: None,
        major: Some(98),
    });
    assert!(unknown.contains("fetching 98 failed"), "{unknown}");
    assert_eq!(value_in(&options), "old");
}

#[test]
fn only_a_cluster_that_is_not_in_use_is_upgraded() {
    let dir = scratch();
    let options = EmbeddedOptions::lasting(dir.path().join("data"));
    let refused = || {
        let refused = upgrade(&options, &NewBinaries::default(), TransferMode::Copy);
        refused.expect_err("refused").to_string()
    };
    assert!(refused().contains("there is no cluster in"));
    assert!(!options.data_dir.exists());
    let server = start(&options);
    assert!(refused().contains("stop the server and all commands first"));
    assert_eq!(sql(server.url(), "SELECT 1"), "1");
}
