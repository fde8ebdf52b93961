//! Files that cannot be imported, or not wholly.

use crate::support::{TestDatabase, import_text, rollcall, run};
use insta::assert_snapshot;

/// A database with one subscriber, in a group.
fn with_ona() -> TestDatabase {
    let database = TestDatabase::new();
    let csv = "email,first_name,visits\nona@example.com,Ona,3\n";
    let arguments = [
        "--group",
        "readers",
        "--create-group",
        "--field",
        "visits:number",
    ];
    let done = import_text(&database, "subscribers", csv, &arguments);
    assert!(done.status.success(), "{done}");
    database
}

/// Returns everything that an import could have changed.
fn state(database: &TestDatabase) -> String {
    database.ask(
        "SELECT json_build_array( \
         (SELECT json_agg(json_build_array(s.id, s.email, s.first_name, s.custom) ORDER BY s.id) FROM subscribers s), \
         (SELECT json_agg(g.key ORDER BY g.key) FROM groups g), \
         (SELECT count(*) FROM group_memberships), (SELECT json_agg(f.key) FROM custom_fields f), \
         (SELECT count(*) FROM events), (SELECT count(*) FROM event_totals))",
    )
}

#[track_caller]
fn refuse(database: &TestDatabase, what: &str, text: impl AsRef<[u8]>, more: &[&str]) -> String {
    let before = state(database);
    let done = import_text(database, what, text, more);
    assert!(!done.status.success(), "{done}");
    assert_eq!(state(database), before, "nothing is lost and nothing added");
    done.to_string()
}

#[test]
fn a_header_that_cannot_be_used_refuses_the_file() {
    let database = with_ona();
    let subscribers = |text: &str, more: &[&str]| refuse(&database, "subscribers", text, more);
    assert_snapshot!(subscribers("", &[]), @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    header: expected a header line with a column "email", found an empty file
    all options: rollcall import subscribers --help
    "#);
    assert_snapshot!(subscribers("ona@example.com,Onutė,5\n", &[]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", no header
      email    -> email, by its name: ona@example.com
    ? column 2 seems to hold names
    ? column 3 has a name that Rollcall does not know
    nothing was written: 2 questions open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import subscribers subscribers.csv \
      --database-url DATABASE_URL \
      --column "column 2=first_name" \
      --field "column 3:number"
    "#);
    assert_snapshot!(subscribers("first_name,visits\nOnutė,5\n", &[]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", a header
      first_name -> first_name, by its name: Onutė
      visits     -> custom.visits, a custom field: 5
    ? expected a header line with a column "email", found "first_name,visits"
    nothing was written: 1 question open, marked with ?
    the options: rollcall import subscribers --help
    "#);
    assert_snapshot!(subscribers("email,frist_name,Visit\nona@example.com,Onutė,5\n", &[]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", a header
      email      -> email, by its name: ona@example.com
    ? frist_name has a name that Rollcall does not know
    ? Visit      has a name that Rollcall does not know
    nothing was written: 2 questions open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import subscribers subscribers.csv \
      --database-url DATABASE_URL \
      --field frist_name:text \
      --field Visit:number
    "#);
    assert_snapshot!(subscribers("email,shoe size\nona@example.com,38\n", &[]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", a header
      email     -> email, by its name: ona@example.com
    ? shoe size has a name that Rollcall does not know
    nothing was written: 1 question open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import subscribers subscribers.csv \
      --database-url DATABASE_URL \
      --field "shoe size:number"
    "#);
    assert_snapshot!(subscribers("email,first_name,First Name\nona@example.com,a,b\n", &[]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", a header
      email      -> email, by its name: ona@example.com
      first_name -> first_name, by its name: a
    ? First Name has the same meaning as another column
    nothing was written: 1 question open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import subscribers subscribers.csv \
      --database-url DATABASE_URL \
      --field "First Name:text"
    "#);
    assert_snapshot!(subscribers("email,\"first_name\nona@example.com,Onutė\n", &[]), @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    header: line 1: expected a closing quote ("), found none; write a quote within a
      quoted cell twice
    all options: rollcall import subscribers --help
    "#);
    assert_snapshot!(subscribers("email;first_name\nona@example.com;Onutė\n", &["--delimiter", ","]), @r#"
    exit code 1
    subscribers.csv: 1 row, utf-8, cells separated by ",", a header
      email;first_name left out, has a name that Rollcall does not know
    ? expected a header line with a column "email", found "email;first_name" (are i…
    nothing was written: 1 question open, marked with ?
    the options: rollcall import subscribers --help
    "#);
    assert_snapshot!(
        subscribers("email,visits\nona@example.com,Onutė\n", &["--field", "visits:date"]),
        @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    header: column "visits" cannot become a custom field of type date: the custom
      field "visits" is of type number
    all options: rollcall import subscribers --help
    "#
    );
    assert_snapshot!(
        subscribers("email,visits\nona@example.com,4\n", &["--field", "vists:number"]),
        @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    header: an option names the column "vists", but the file has no such column (did
      you mean "visits"?)
    all options: rollcall import subscribers --help
    "#
    );
}

#[test]
fn a_header_of_events_that_cannot_be_used_refuses_the_file() {
    let database = with_ona();
    let events = |text: &str| refuse(&database, "events", text, &[]);
    assert_snapshot!(events(""), @r#"
    exit code 1
    rollcall: "events.csv" was not imported:
    header: expected a header line with a column "email", found an empty file
    all options: rollcall import subscribers --help
    "#);
    assert_snapshot!(events("ona@example.com,purchase,2026-03-01T09:30:00Z\n"), @r#"
    exit code 1
    events.csv: 1 row, utf-8, cells separated by ",", no header
      email    -> email, by its name: ona@example.com
    ? column 2 has a name that Rollcall does not know
    ? column 3 has a name that Rollcall does not know
    ? no column has the names of the events: give one name for all events
    nothing was written: 3 questions open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import events events.csv \
      --database-url DATABASE_URL \
      --column "column 2=properties.column 2" \
      --column "column 3=occurred_at" \
      --event purchase
    "#);
    assert_snapshot!(events("email,event,occured_at\nona@example.com,purchase,2026-03-01T09:30:00Z\n"), @r#"
    exit code 1
    events.csv: 1 row, utf-8, cells separated by ",", a header
      email      -> email, by its name: ona@example.com
      event      -> event, by its name: purchase
    ? occured_at has a name that Rollcall does not know
    nothing was written: 1 question open, marked with ?
    this command answers all of them; change the answers that are wrong:
    rollcall import events events.csv \
      --database-url DATABASE_URL \
      --column occured_at=occurred_at
    "#);
}

#[test]
fn a_row_that_cannot_be_used_costs_only_itself() {
    let database = with_ona();
    let mut csv = b"email,first_name,birthday,visits\n".to_vec();
    for row in [
        &b"jonas@example.com,Jonas,1990-05-17,4\n"[..],
        b"not an address,A,,\n",
        b"eve@example.com,Eve\n",
        b"ona@example.com,Onute,1990-02-30,1\n",
        b"ona@example.com,Onute,,often\n",
        b"ona@example.com,\xd0n\xfb,,1\n",
        b"ona@example.com,\"Onute,,1\n",
        b"\"ruta@example.com\",\"R\xc5\xabta \"\"Ru\"\" K.\",,\n",
        b"last@example.com,\"Last,,9\n",
    ] {
        csv.extend_from_slice(row);
    }
    let done = import_text(&database, "subscribers", &csv, &[]);
    assert_snapshot!(done, @r#"
    exit code 2
    9 rows
              3 created
              1 updated
              2 repeated in the file
              3 refused
                1 for the e-mail address
                2 for their cells
              2 cells left out that cannot be read
              1 cell read with a remark
      birthday: 1 cell left out
      visits: 1 cell left out
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers subscribers.refused-2.csv \
      --database-url DATABASE_URL
      line 3, email: expected an e-mail address, found "not an address": it has no @
      line 8: expected a closing quote ("), found none; write a quote within a quoted cell twice
      line 10: expected a closing quote ("), found none; write a quote within a quoted cell twice
    "#);
    assert_snapshot!(state(&database), @r#"[[[1, "ona@example.com", "Đnû", {"visits": 1}], [2, "jonas@example.com", "Jonas", {"visits": 4}], [3, "eve@example.com", "Eve", {}], [4, "ruta@example.com", "Rūta \"Ru\" K.", {}]], ["readers"], 1, ["visits"], 0, 0]"#);
}

#[test]
fn an_event_that_cannot_be_used_costs_only_itself() {
    let database = with_ona();
    let csv = "email,event,occurred_at,value\n\
        ona@example.com,purchase,2026-03-01T09:30:00Z,12.50\n\
        nobody@example.com,purchase,2026-03-01T09:30:00Z,12.50\n\
        ona@example.com,,2026-03-01T09:30:00Z,\n\
        ona@example.com,purchase,yesterday,\n\
        ona@example.com,purchase,,\n\
        ona@example.com,purchase,2026-03-01T09:30:00Z,free\n\
        ona@example.com,purchase,2026-03-01T09:30:00Z,1e12\n";
    assert_snapshot!(import_text(&database, "events", csv, &[]), @r#"
    exit code 2
    7 rows
              1 recorded
              6 refused
                5 for another value
                1 about subscribers who do not exist
      occurred_at: 1 cell cannot be read
      value: 1 cell cannot be read
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    the refused rows are in a file: correct them there and import it:
    rollcall import events events.refused-2.csv --database-url DATABASE_URL
      line 3, email: no subscriber has the address "nobody@example.com"; import subscribers first, or have subscribers created
      line 4, event: expected the name of an event, found an empty text
      line 5, occurred_at: expected a time such as "2026-03-01T09:30:00Z", found "yesterday"
      line 6, occurred_at: expected a time such as "2026-03-01T09:30:00Z", found an empty cell
      line 7, value: expected a number such as 12.5, found "free"
      line 8, value: expected a value between -1e12 and 1e12, found 1000000000000; larger ones cannot be summed exactly
    "#);
    assert_snapshot!(
        database.ask("SELECT json_agg(json_build_array(t.name, t.count, t.value_sum)) FROM event_totals t"),
        @r#"[["purchase", 1, 12.500000]]"#
    );
}

#[test]
fn many_refused_rows_are_counted_and_the_first_shown() {
    let database = with_ona();
    let rows: String = (0..1_500)
        .map(|number| format!("nobody {number}\n"))
        .collect();
    let done = import_text(&database, "subscribers", format!("email\n{rows}"), &[]);
    // Nothing of the file was used.
    assert_eq!(done.status.code(), Some(1));
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(lines.len(), 21, "{done}");
    assert_snapshot!(done.stdout, @r"
    1500 rows
           1500 refused
    every row with a remark: rollcall import problems 2
    nothing was imported: all 1500 rows were refused
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers subscribers.refused-2.csv \
      --database-url DATABASE_URL
    ");
    assert_snapshot!(lines[19..].join("\n"), @r#"
    line 21, email: expected an e-mail address, found "nobody 19": it has no @
    and 1480 more
    "#);
}

#[test]
fn a_group_that_does_not_exist_is_not_made_by_a_slip() {
    let database = with_ona();
    let csv = "email\njonas@example.com\n";
    let into = |more: &[&str]| refuse(&database, "subscribers", csv, more);
    assert_snapshot!(into(&["--group", "raeders"]), @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    group: expected the key of a group, found "raeders", which does not exist (did
      you mean "readers"?)
    all options: rollcall import subscribers --help
    "#);
    assert_snapshot!(into(&["--group", "customers"]), @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    group: expected the key of a group, found "customers", which does not exist (set
      createGroups, or --create-group, to create it)
    all options: rollcall import subscribers --help
    "#);
    assert_snapshot!(into(&["--group", "Best Customers", "--create-group"]), @r#"
    exit code 1
    rollcall: "subscribers.csv" was not imported:
    group: expected 1 to 63 lower-case letters, digits, "-" and "_", starting with a
      letter or digit, found "Best Customers" (for example "best-customers")
    all options: rollcall import subscribers --help
    "#);
}

#[test]
fn a_file_that_cannot_be_read() {
    let database = with_ona();
    let before = state(&database);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("folder.csv")).expect("a directory");
    let import = |what: &str, file: &str| {
        let mut command = rollcall(&["import", what, file, "--database-url", &database.url]);
        run(command.current_dir(dir.path()))
    };
    assert_snapshot!(import("subscribers", "nothing.csv"), @r#"
    exit code 1
    rollcall: "nothing.csv" cannot be opened: No such file or directory (os error 2)
    "#);
    assert_snapshot!(import("events", "nothing.csv"), @r#"
    exit code 1
    rollcall: "nothing.csv" cannot be opened: No such file or directory (os error 2)
    "#);
    assert_snapshot!(import("subscribers", "folder.csv"), @r#"
    exit code 1
    rollcall: "folder.csv" was not imported: file: the file cannot be read: Is a directory (os error 21)
    "#);
    assert_eq!(state(&database), before);
}

#[test]
fn arguments_of_an_import_that_make_no_sense() {
    let parse = |arguments: &[&str]| {
        let mut command = rollcall(&["import", "subscribers", "people.csv"]);
        run(command.args(arguments))
    };
    assert_snapshot!(parse(&["--field", "visits:integer"]), @r#"
    exit code 2
    error: invalid value 'visits:integer' for '--field <COLUMN:TYPE>': expected COLUMN:TYPE with text, number, date, datetime, boolean or list, such as first_purchase:date

    For more information, try '--help'.
    "#);
    assert_snapshot!(parse(&["--delimiter", "||"]), @r#"
    exit code 2
    error: invalid value '||' for '--delimiter <DELIMITER>': expected one character such as ";", or "tab"

    For more information, try '--help'.
    "#);
    assert_snapshot!(parse(&["--create-group"]), @r#"
    exit code 1
    rollcall: "people.csv" cannot be opened: No such file or directory (os error 2)
    "#);
}
