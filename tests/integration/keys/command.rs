//! `rollcall key`.

use super::{create_key, key_command, revoke};
use crate::support::TestDatabase;
use insta::assert_snapshot;

/// Replaces what differs from run to run: keys by their mark, and times.
fn redact(text: &str) -> String {
    let keys = regex::Regex::new("rck_[A-Za-z0-9]{40}").expect("an expression");
    let prefixes = regex::Regex::new("rck_[A-Za-z0-9]{8}").expect("an expression");
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)")
        .expect("an expression");
    let text = keys.replace_all(text, "KEY");
    let text = prefixes.replace_all(&text, "PREFIX......");
    times
        .replace_all(&text, "TIME................")
        .into_owned()
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let database = TestDatabase::new();
    let command = |arguments: &[&str]| redact(&key_command(&database, arguments).to_string());
    assert_snapshot!(command(&["list"]), @r#"
    exit code 0
    there are no API keys: a server on loopback answers all requests from this machine
    "#);
    assert_snapshot!(command(&["create", "shop, orders", "--scope", "write"]), @r#"
    exit code 0
    KEY
    API key 1 "shop, orders" (write), good until it is revoked. It is shown this once:
    "#);
    assert_snapshot!(command(&["create", " Admin ", "--scope", "ADMIN", "--scope", "read", "--expires-in", "90d"]), @r#"
    exit code 0
    KEY
    API key 2 "Admin" (read admin), good until TIME................. It is shown this once:
    "#);
    let both = create_key(
        &database,
        &[
            "CRM",
            "--scope",
            "read",
            "--scope",
            "write",
            "--expires-at",
            "2999-01-01T00:00:00Z",
        ],
    );
    assert_snapshot!(command(&["revoke", &both[..12]]), @r#"
    exit code 0
    API key PREFIX...... "CRM" is revoked
    "#);
    assert_snapshot!(command(&["revoke", &both]), @r#"
    exit code 0
    API key PREFIX...... "CRM" has been revoked since TIME................
    "#);
    assert_snapshot!(command(&["revoke", "1"]), @r#"
    exit code 0
    API key PREFIX...... "shop, orders" is revoked
    "#);
    assert_snapshot!(command(&["list"]), @r#"
    exit code 0
    ID  PREFIX        NAME          SCOPES      STATE    CREATED               EXPIRES               LAST USED
    1   PREFIX......  shop, orders  write       revoked  TIME................  never                 never
    2   PREFIX......  Admin         read admin  usable   TIME................  TIME................  never
    3   PREFIX......  CRM           read write  revoked  TIME................  TIME................  never
    "#);
}

#[test]
fn the_key_alone_is_printed_and_the_rest_beside_it() {
    let database = TestDatabase::new();
    let done = key_command(&database, &["create", "shop", "--scope", "read"]);
    assert_eq!(done.stdout.len(), 45, "a key and the end of the line");
    let key = done.stdout.trim_end();
    assert!(key.starts_with("rck_"), "{key}");
    assert!(!done.stderr.contains("rck_"), "{}", done.stderr);
}

#[test]
fn what_cannot_be_done_is_said() {
    let database = TestDatabase::new();
    let command = |arguments: &[&str]| redact(&key_command(&database, arguments).to_string());
    assert_snapshot!(command(&["create", "shop"]), @r#"
    exit code 2
    error: the following required arguments were not provided:
      --scope <SCOPE>

    Usage: rollcall key create --scope <SCOPE> <NAME>

    For more information, try '--help'.
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "everything"]), @r#"
    exit code 2
    error: invalid value 'everything' for '--scope <SCOPE>': expected read, write or admin

    For more information, try '--help'.
    "#);
    assert_snapshot!(command(&["create", " ", "--scope", "read"]), @r#"
    exit code 1
    rollcall: name: expected a name that says what the key is for, found an empty text
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "read", "--expires-in", "90"]), @r#"
    exit code 2
    error: invalid value '90' for '--expires-in <TIME>': expected a number of 1 or more and a unit, such as 90d, 12h or 30m

    For more information, try '--help'.
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "read", "--expires-at", "tomorrow"]), @r#"
    exit code 2
    error: invalid value 'tomorrow' for '--expires-at <TIME>': expected a time such as "TIME................", found "tomorrow"

    For more information, try '--help'.
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "read", "--expires-at", "2026-01-01T00:00:00Z"]), @r#"
    exit code 1
    rollcall: expiresAt: expected a time in the future, found TIME................
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "read", "--expires-in", "1d", "--expires-at", "2999-01-01T00:00:00Z"]), @r#"
    exit code 2
    error: the argument '--expires-in <TIME>' cannot be used with '--expires-at <TIME>'

    Usage: rollcall key create --scope <SCOPE> --expires-in <TIME> <NAME>

    For more information, try '--help'.
    "#);
    assert_snapshot!(command(&["create", "shop", "--scope", "read", "--expires-in", "99999999w"]), @r#"
    exit code 1
    rollcall: --expires-in is beyond the end of the year 9999
    "#);
    assert_snapshot!(command(&["revoke", "7"]), @r#"
    exit code 1
    rollcall: no API key "7" exists
    "#);
    assert_eq!(database.ask("SELECT count(*) FROM api_keys"), "0");
    // A key that is pasted whole is not repeated.
    let unknown = super::unknown_key(1);
    let done = key_command(&database, &["revoke", &unknown]);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(
        done.stderr,
        "rollcall: no API key \"rck_00000000\" exists\n"
    );
}

#[test]
fn keys_are_forgotten_only_when_none_is_usable() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let refused = key_command(&database, &["clear"]);
    assert_snapshot!(redact(&refused.to_string()), @r#"
    exit code 1
    rollcall: cannot delete the keys: these are still usable; revoke them first: PREFIX...... "shop"
    "#);
    revoke(&database, &key);
    assert_snapshot!(key_command(&database, &["clear"]), @r#"
    exit code 0
    API keys deleted: 1
    "#);
    assert_eq!(database.ask("SELECT count(*) FROM api_keys"), "0");
}

#[test]
fn the_database_holds_no_key() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read"]);
    let row = database.ask("SELECT api_keys FROM api_keys");
    assert!(row.contains(&key[..12]), "its prefix is: {row}");
    // No part of what is secret, at whatever place.
    for start in 12..key.len() - 6 {
        assert!(!row.contains(&key[start..start + 6]), "{row}");
    }
    let hash = format!("SELECT sha256 = sha256('{key}'::bytea) FROM api_keys");
    assert_eq!(database.ask(&hash), "true");
}
