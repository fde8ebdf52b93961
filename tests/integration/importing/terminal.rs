//! `rollcall import` as somebody at a terminal sees it.

use crate::support::{TestDatabase, Watched, rollcall, watch};
use insta::assert_snapshot;

/// Imports a file on a terminal.
#[track_caller]
fn import_on(size: (u16, u16), database: &TestDatabase, csv: &str, arguments: &[&str]) -> Watched {
    let dir = tempfile::tempdir().expect("a directory for the file");
    std::fs::write(dir.path().join("people.csv"), csv).expect("the file can be written");
    let mut command = rollcall(&["import", "subscribers", "people.csv"]);
    command.args(["--database-url", &database.url]);
    let (lines, columns) = size;
    watch(
        command.args(arguments).current_dir(dir.path()),
        lines,
        columns,
    )
}

fn people(count: usize) -> String {
    let rows = (0..count).map(|row| format!("p{row}@example.com,City {row}\n"));
    format!("email,city\n{}", rows.collect::<String>())
}

#[test]
fn a_bar_tells_the_rate_and_the_time_left_and_gives_way_to_the_report() {
    let database = TestDatabase::new();
    let watched = import_on((24, 80), &database, &people(40_000), &[]);
    let bar = regex::Regex::new(r"^[█░]{24} +\d+%  (\d+) rows, \d+/s  \d+[smh] left$")
        .expect("an expression");
    let mut told: Vec<u64> = Vec::new();
    for screen in &watched.screens {
        // One line, which is drawn over: nothing of an earlier bar stays.
        let line = screen.trim_end();
        if let Some(found) = bar.captures(line) {
            told.extend(found[1].parse::<u64>());
        }
    }
    assert!(told.is_sorted() && told.len() >= 3, "{told:?}\n{watched}");
    assert!(
        told.iter().all(|rows| rows % 5_000 == 0),
        "only what is committed counts: {told:?}"
    );
    assert_snapshot!(watched, @r#"
    exit status: 0
    40000 rows
          40000 created
    undo it: rollcall import undo 1
    "#);
    assert_eq!(watched.scrolled, 0);
}

#[test]
fn a_report_fits_the_screen_however_much_is_wrong() {
    let database = TestDatabase::new();
    let long = "x".repeat(150);
    let wrong = (0..2_000).map(|row| format!("{row} is no address {long}\u{1b}[31m,Kaunas\n"));
    let csv = format!("{}{}", people(3), wrong.collect::<String>());
    let watched = import_on((24, 80), &database, &csv, &[]);
    assert_eq!(watched.scrolled, 0, "{watched}");
    assert_snapshot!(watched, @r#"
    exit status: 2
    2003 rows
              3 created
           2000 refused
      line 5, email: expected an e-mail address, found "0 is no address xxxxxxxxxxx…
      line 6, email: expected an e-mail address, found "1 is no address xxxxxxxxxxx…
      line 7, email: expected an e-mail address, found "2 is no address xxxxxxxxxxx…
      line 8, email: expected an e-mail address, found "3 is no address xxxxxxxxxxx…
      line 9, email: expected an e-mail address, found "4 is no address xxxxxxxxxxx…
      line 10, email: expected an e-mail address, found "5 is no address xxxxxxxxxx…
      line 11, email: expected an e-mail address, found "6 is no address xxxxxxxxxx…
      line 12, email: expected an e-mail address, found "7 is no address xxxxxxxxxx…
      line 13, email: expected an e-mail address, found "8 is no address xxxxxxxxxx…
      line 14, email: expected an e-mail address, found "9 is no address xxxxxxxxxx…
      line 15, email: expected an e-mail address, found "10 is no address xxxxxxxxx…
      line 16, email: expected an e-mail address, found "11 is no address xxxxxxxxx…
      line 17, email: expected an e-mail address, found "12 is no address xxxxxxxxx…
      line 18, email: expected an e-mail address, found "13 is no address xxxxxxxxx…
      line 19, email: expected an e-mail address, found "14 is no address xxxxxxxxx…
      and 1985 more
    every row with a remark: rollcall import problems 1
    undo it: rollcall import undo 1
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers people.refused-1.csv --database-url DATABASE_URL
    "#);
    let small = import_on((13, 40), &database, &csv, &[]);
    assert_eq!(small.scrolled, 0, "{small}");
    assert_snapshot!(small, @r#"
    exit status: 2
    2003 rows
              3 unchanged
           2000 refused
      line 5, email: expected an e-mail add…
      and 1999 more
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers people.refused-2.csv --database-url DATABASE_URL
    "#);
}

#[test]
fn what_a_file_holds_is_not_obeyed() {
    let database = TestDatabase::new();
    let csv = "email,city\nnobody\u{1b}[2J,\n";
    assert_snapshot!(import_on((24, 80), &database, csv, &[]), @r#"
    exit status: 1
    1 row
              1 refused
      line 2, email: expected an e-mail address, found "nobody\u{1b}[2j": it has no…
    every row with a remark: rollcall import problems 1
    nothing was imported: the only row was refused
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers people.refused-1.csv --database-url DATABASE_URL
    "#);
    let mut problems = rollcall(&["import", "problems", "1"]);
    let problems = problems.args(["--database-url", &database.url]);
    assert_snapshot!(watch(problems, 24, 120), @r#"
    exit status: 0
    line,kind,column,value,reason
    2,invalid_email,email,nobody\u{1b}[2J,"expected an e-mail address, found ""nobody\u{1b}[2j"": it has no @"
    "#);
}

#[test]
fn an_import_that_fails_says_so_below_no_bar() {
    let database = TestDatabase::new();
    let watched = import_on((24, 80), &database, "name\nOna\n", &[]);
    assert_snapshot!(watched, @r#"
    exit status: 1
    people.csv: 1 row, utf-8, cells separated by ",", a header
      name left out, has a name that Rollcall does not know
    ? expected a header line with a column "email", found "name"
    nothing was written: 1 question open, marked with ?
    the options: rollcall import subscribers --help
    "#);
}
