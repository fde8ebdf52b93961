//! What `rollcall import` says, in a terminal of 80 columns.

use crate::support::{Finished, TestDatabase, import_text, rollcall, run};
use insta::assert_snapshot;

fn command(database: &TestDatabase, arguments: &[&str]) -> Finished {
    let whole = [&["import"], arguments, &["--database-url", &database.url]].concat();
    run(&mut rollcall(&whole))
}

/// Moments are those of the machine.
fn without_times(text: &str) -> String {
    let times = regex::Regex::new(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}").expect("an expression");
    times.replace_all(text, "YYYY-MM-DD HH:MM").into_owned()
}

#[track_caller]
fn assert_fits(finished: &Finished) {
    let longest = finished
        .stdout
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(longest <= Some(80), "{finished}");
}

const FILE: &str = "email;first_name;status\nona@example.com;Ona;\nnobody;;\ninfo@example.com;;unsubscribed\n=1+1;;\n\
    info@example.com;;subscribed\nruta@example.com\n";

#[test]
fn an_import_is_looked_after_by_its_number() {
    let database = TestDatabase::new();
    assert_snapshot!(command(&database, &["list"]), @r"
    exit code 0
    nothing was imported yet
    ");
    let dry = import_text(&database, "subscribers", FILE, &["--dry-run"]);
    assert_fits(&dry);
    assert_snapshot!(dry, @r#"
    exit code 2
    subscribers.csv: 6 rows, utf-8, cells separated by ";", a header
      email      -> email, by its name
        2 cells cannot be read and will be left out
      first_name -> first_name, by its name
      status     -> status, by its name
    6 rows
              3 created
              1 repeated in the file
              2 refused
              1 kept unsubscribed, bounced or complained
              2 with the address of a role, such as info@
    a dry run: nothing was written
    every row with a remark: rollcall import problems 1
      line 3, email: expected an e-mail address, found "nobody": it has no @
      line 5, email: expected an e-mail address, found "=1+1": it has no @
    "#);
    let done = import_text(
        &database,
        "subscribers",
        FILE,
        &["--group", "fair", "--create-group"],
    );
    assert_fits(&done);
    assert_snapshot!(done, @r#"
    exit code 2
    6 rows
              3 created
              1 repeated in the file
              2 refused
              1 kept unsubscribed, bounced or complained
              2 with the address of a role, such as info@
              3 added to groups
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    the refused rows are in a file: correct them there and import it:
    rollcall import subscribers subscribers.refused-2.csv \
      --database-url DATABASE_URL \
      --group fair \
      --create-group
      line 3, email: expected an e-mail address, found "nobody": it has no @
      line 5, email: expected an e-mail address, found "=1+1": it has no @
    "#);
    let listed = command(&database, &["list"]);
    assert_fits(&listed);
    assert_snapshot!(without_times(&listed.to_string()), @r"
    exit code 0
        id  what        state      asked for             rows  file
         2  subscribers succeeded  YYYY-MM-DD HH:MM         6  subscribers.csv
         1  subscribers succeeded  YYYY-MM-DD HH:MM         6  subscribers.csv
    ");
    let shown = command(&database, &["show", "2"]);
    assert_fits(&shown);
    assert_eq!(shown.status.code(), Some(2), "the outcome of the import");
    assert_snapshot!(shown.stdout, @r#"
    import 2 of subscribers: succeeded
    file subscribers.csv, 138 bytes
    utf-8, cells separated by ";", a header
      email -> email
      first_name -> first_name
      status -> status
    6 rows
              3 created
              1 repeated in the file
              2 refused
              1 kept unsubscribed, bounced or complained
              2 with the address of a role, such as info@
              3 added to groups
    every row with a remark: rollcall import problems 2
    undo it: rollcall import undo 2
    "#);
    assert_snapshot!(command(&database, &["problems", "2"]).to_string().replace('\r', ""), @r#"
    exit code 0
    line,kind,column,value,reason
    3,invalid_email,email,nobody,"expected an e-mail address, found ""nobody"": it has no @"
    4,role_address,email,info@example.com,"info@example.com is the address of a role, not of a person"
    5,invalid_email,email,"'=1+1","expected an e-mail address, found ""=1+1"": it has no @"
    6,repeated,email,info@example.com,"info@example.com is in an earlier row; the values of this row were added to it"
    6,suppressed,status,subscribed,"info@example.com is unsubscribed and stays so; an import does not change that"
    6,role_address,email,info@example.com,"info@example.com is the address of a role, not of a person"
    "#);
    assert_snapshot!(command(&database, &["cancel", "2"]), @r"
    exit code 1
    rollcall: id: the import has already ended: it is succeeded
    ");
    assert_snapshot!(command(&database, &["resume", "2"]), @r"
    exit code 1
    rollcall: id: only a failed or cancelled import can be resumed, and this one is succeeded
    ");
    assert_snapshot!(command(&database, &["undo", "2"]), @r"
    exit code 0
    import 2 is undone
    ");
    assert_snapshot!(command(&database, &["undo", "2"]), @r"
    exit code 1
    rollcall: import 2 was not undone: id: the import is already undone
    ");
    assert_eq!(
        database.ask("SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM groups)"),
        "0"
    );
    assert_snapshot!(command(&database, &["show", "3"]), @r"
    exit code 1
    rollcall: no import 3 exists
    ");
}

#[test]
fn arguments_are_read_as_they_are_meant() {
    let database = TestDatabase::new();
    let csv = "'E-Mail Address'|'Born'|'Wants'\n'ona@example.com'|'17.05.1990'|'ja'\n";
    let arguments = [
        "--quote",
        "'",
        "--column",
        "E-Mail Address=email",
        "--column",
        "Born=birthday",
        "--column",
        "Wants=status",
        "--status",
        "ja=subscribed",
        "--date-format",
        "dd.mm.yyyy",
        "--source",
        "fair",
        "--mode",
        "insert",
        "--encoding",
        "latin1",
        "--header",
        "yes",
    ];
    let done = import_text(&database, "subscribers", csv, &arguments);
    assert!(done.status.success(), "{done}");
    assert_eq!(
        database.ask(
            "SELECT concat_ws(' ', s.email, s.birthday, s.status, s.source) FROM subscribers s"
        ),
        "ona@example.com 1990-05-17 subscribed fair"
    );
    let parse = |arguments: &[&str]| import_text(&database, "subscribers", csv, arguments).stderr;
    let wrong = [
        ["--date-format", "dd.mm"],
        ["--encoding", "ebcdic"],
        ["--mode", "replace"],
        ["--column", "email"],
        ["--status", "ja=yes"],
        ["--header", "maybe"],
        ["--quote", "abc"],
        ["--date-zone", "Vilnius"],
    ];
    let said: Vec<String> = wrong
        .iter()
        .map(|arguments| {
            parse(arguments)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_snapshot!(said.join("\n"), @r#"
    error: invalid value 'dd.mm' for '--date-format <[COLUMN=]FORMAT>': expected a format of days such as dd.mm.yyyy, mm/dd/yyyy HH:MM or excel, found "dd.mm": it needs yyyy or yy, mm and dd
    error: invalid value 'ebcdic' for '--encoding <ENCODING>': expected one of utf-8, utf-16le, utf-16be, windows-1252, windows-1250, windows-1251, windows-1253, windows-1254, windows-1257, ISO-8859-2, macintosh, Shift_JIS, GBK, Big5
    error: invalid value 'replace' for '--mode <MODE>': expected upsert, insert or update
    error: invalid value 'email' for '--column <COLUMN=FIELD>': expected COLUMN=FIELD, such as "E-Mail Address=email"
    error: invalid value 'ja=yes' for '--status <WORD=STATUS>': expected WORD=STATUS with subscribed, unsubscribed, bounced, complained or pending, such as active=subscribed
    error: invalid value 'maybe' for '--header <yes|no>': expected yes or no
    error: invalid value 'abc' for '--quote <QUOTE>': expected one character such as ' or ", or "none"
    error: invalid value 'Vilnius' for '--date-zone <ZONE>': expected an IANA time zone such as Europe/Vilnius
    "#);
}
