//! Files of every encoding, shape and format become the same people.

use crate::support::TestApp;
use rollcall::error::Error;
use rollcall::import::{
    FileFormat, FileOptions, ImportReport, ImportState, SubscriberImport, import_subscribers,
};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

const NOW: &str = "2026-03-01T09:30:00Z";

/// Imports a file with the options of its form; every row is used.
#[track_caller]
fn import(app: &TestApp, bytes: &[u8], file: FileOptions) -> ImportReport {
    let options = SubscriberImport {
        file,
        ..SubscriberImport::default()
    };
    let report = import_subscribers(app.db(), bytes, &options, app.clock.now(), |_| {});
    let report = report.expect("the file can be imported");
    assert_eq!(report.refused, 0, "{:?}", report.problems);
    report
}

/// Why a file cannot be imported.
#[track_caller]
fn refusal(bytes: &[u8], file: FileOptions) -> String {
    let app = TestApp::at(NOW);
    let options = SubscriberImport {
        file,
        ..SubscriberImport::default()
    };
    let refused = import_subscribers(app.db(), bytes, &options, app.clock.now(), |_| {});
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
    match refused {
        Err(error @ Error::Invalid(_)) => error.to_string(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

fn people(app: &TestApp) -> String {
    app.database.ask("SELECT string_agg(concat_ws(' ', s.email, s.first_name, s.last_name, s.city), '; ' ORDER BY s.id) FROM subscribers s")
}

fn encode(name: &str, text: &str) -> Vec<u8> {
    match name {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        name => {
            let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).expect("an encoding");
            encoding.encode(text).0.into_owned()
        }
    }
}

#[test]
fn the_encoding_of_a_file_is_found() {
    let lithuanian = "email;first_name;last_name\r\nona@example.lt;Eglė;Žukauskaitė\r\njonas@example.lt;Šarūnas;Šiaučiūnas\r\n";
    let russian =
        "email;first_name;last_name\r\na@example.ru;Иван;Петров\r\nb@example.ru;Ольга;Иванова\r\n";
    for (encoding, text, expected) in [
        (
            "windows-1257",
            lithuanian,
            "ona@example.lt Eglė Žukauskaitė; jonas@example.lt Šarūnas Šiaučiūnas",
        ),
        (
            "utf-16le",
            lithuanian,
            "ona@example.lt Eglė Žukauskaitė; jonas@example.lt Šarūnas Šiaučiūnas",
        ),
        (
            "utf-16be",
            russian,
            "a@example.ru Иван Петров; b@example.ru Ольга Иванова",
        ),
        (
            "windows-1251",
            russian,
            "a@example.ru Иван Петров; b@example.ru Ольга Иванова",
        ),
        (
            "koi8-r",
            russian,
            "a@example.ru Иван Петров; b@example.ru Ольга Иванова",
        ),
    ] {
        let app = TestApp::at(NOW);
        import(&app, &encode(encoding, text), FileOptions::default());
        assert_eq!(people(&app), expected, "{encoding}");
    }
}

#[test]
fn letters_that_come_late_in_a_file_are_read_as_well() {
    let mut text = "email,first_name\n".to_owned();
    for number in 0..20_000 {
        text.push_str(&format!("person{number}@example.de,Name{number}\n"));
    }
    text.push_str("last@example.de,Jörg Großmüller\nend@example.de,Jürgen\n");
    let app = TestApp::at(NOW);
    import(&app, &encode("windows-1252", &text), FileOptions::default());
    let last =
        "SELECT string_agg(s.first_name, ',' ORDER BY s.id) FROM subscribers s WHERE s.id > 20000";
    assert_eq!(app.database.ask(last), "Jörg Großmüller,Jürgen");
}

#[test]
fn a_line_of_another_encoding_is_read_with_a_remark() {
    let mut file = "email,first_name\na@example.com,Jörg\nb@example.com,Zoë\n"
        .as_bytes()
        .to_vec();
    file.extend_from_slice(b"c@example.com,M\xfcller\n");
    let app = TestApp::at(NOW);
    let report = import(&app, &file, FileOptions::default());
    assert_eq!(
        people(&app),
        "a@example.com Jörg; b@example.com Zoë; c@example.com Müller"
    );
    assert_eq!(report.remarks, 1);
    assert_eq!(report.problems[0].line, 4);
}

#[test]
fn lines_that_are_no_rows_are_passed_over() {
    let expected = "ona@example.com Ona Vilnius; jo@example.com Jo Kaunas";
    let table = "email;first_name;city\nona@example.com;Ona;Vilnius\njo@example.com;Jo;Kaunas\n";
    for (what, text) in [
        ("sep", format!("sep=;\r\n{table}")),
        ("cr alone", table.replace('\n', "\r")),
        ("titles", format!("Members of the club\n\"As of today; with notes\"\n\n{table}")),
        ("empty rows", table.replace("jo@", ";;\n\n \njo@")),
        ("empty columns", table.replace('\n', ";;\n")),
        ("footer", format!("{table}Total: 2\n\nPage 1 of 1\n")),
        ("end of file mark", format!("{table}\u{1a}")),
        ("blanks before quotes", "\"email\", \"first_name\", \"city\"\n\"ona@example.com\", \"Ona\", \"Vilnius\"\n\"jo@example.com\", \"Jo\", \"Kaunas\"\n".to_owned()),
        ("short rows", "email,first_name,city,phone\nona@example.com,Ona,Vilnius\njo@example.com,Jo,Kaunas,,\n".to_owned()),
    ] {
        let app = TestApp::at(NOW);
        let report = import(&app, text.as_bytes(), FileOptions::default());
        assert_eq!(people(&app), expected, "{what}");
        assert_eq!(report.rows, 2, "{what}");
    }
}

#[test]
fn lines_before_the_header_can_be_counted() {
    let app = TestApp::at(NOW);
    let text = "made by,the club\nemail,first_name\nold@example.com,Old\nemail,first_name\nona@example.com,Ona\n";
    let file = FileOptions {
        skip_lines: Some(3),
        ..FileOptions::default()
    };
    import(&app, text.as_bytes(), file);
    assert_eq!(people(&app), "ona@example.com Ona");
}

#[test]
fn files_of_other_kinds_are_named() {
    for (bytes, words) in [
        (
            &b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0"[..],
            "an old Excel workbook (.xls)",
        ),
        (b"[{\"email\":\"a@example.com\"}]", "a JSON array"),
        (b"{\n  \"email\": \"a@example.com\"\n}\n", "a JSON document"),
        (
            b"BEGIN:VCARD\r\nVERSION:3.0\r\nEMAIL:a@example.com\r\nEND:VCARD\r\n",
            "a vCard file",
        ),
        (
            b"<html><table><tr><td>email</td></tr></table></html>",
            "a web page",
        ),
        (b"%PDF-1.7\n", "a PDF"),
    ] {
        let said = refusal(bytes, FileOptions::default());
        assert!(said.contains(words), "{said}");
    }
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .expect("an entry");
        archive.write_all(text.as_bytes()).expect("memory");
    }
    archive.finish().expect("an archive").into_inner()
}

#[test]
fn one_file_of_an_archive_is_imported_by_its_name() {
    let archive = packed(&[
        (
            "export/subscribed_1.csv",
            "email,first_name\nona@example.com,Ona\n",
        ),
        (
            "export/cleaned_1.csv",
            "email,first_name\njo@example.com,Jo\n",
        ),
        ("__MACOSX/export/._subscribed_1.csv", "x"),
    ]);
    let said = refusal(&archive, FileOptions::default());
    assert!(
        said.contains("export/subscribed_1.csv, export/cleaned_1.csv"),
        "{said}"
    );
    for (part, expected) in [
        ("subscribed_1.csv", "ona@example.com Ona"),
        ("cleaned", "jo@example.com Jo"),
    ] {
        let app = TestApp::at(NOW);
        let file = FileOptions {
            part: Some(part.to_owned()),
            ..FileOptions::default()
        };
        import(&app, &archive, file);
        assert_eq!(people(&app), expected);
    }
    let with_notes = packed(&[
        ("people.csv", "email\nona@example.com\n"),
        ("README.txt", "hello"),
    ]);
    let app = TestApp::at(NOW);
    import(&app, &with_notes, FileOptions::default());
    assert_eq!(people(&app), "ona@example.com");
}

/// A workbook with two sheets, the first of which is empty.
fn workbook(rows: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let sheet = |rows: &str| {
        format!(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"
        )
    };
    packed(&[
        (
            "[Content_Types].xml",
            "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        ),
        (
            "_rels/.rels",
            &format!(
                "<?xml version=\"1.0\"?><Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<?xml version=\"1.0\"?><workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"Notes\" sheetId=\"1\" r:id=\"r1\"/>\
                 <sheet name=\"People\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<?xml version=\"1.0\"?><Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
                 <Relationship Id=\"r2\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet2.xml\"/>\
                 <Relationship Id=\"r3\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/>\
                 <Relationship Id=\"r4\" Type=\"{RELATIONS}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            &format!(
                "<?xml version=\"1.0\"?><styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"3\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/sharedStrings.xml",
            &format!("<?xml version=\"1.0\"?><sst xmlns=\"{MAIN}\"><si><t>Ona</t></si></sst>"),
        ),
        ("xl/worksheets/sheet1.xml", &sheet("")),
        ("xl/worksheets/sheet2.xml", &sheet(rows)),
    ])
}

#[test]
fn a_workbook_is_read_with_the_types_of_its_values() {
    let text = |cell: &str, text: &str| {
        format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    };
    let rows = [
        format!("<row r=\"1\">{}</row>", text("A1", "Members of the club")),
        format!(
            "<row r=\"3\">{}{}{}{}{}{}</row>",
            text("A3", "Email"),
            text("B3", "First name"),
            text("C3", "Phone"),
            text("D3", "Birthday"),
            text("E3", "Created at"),
            text("F3", "vip")
        ),
        format!(
            "<row r=\"4\">{}<c r=\"B4\" t=\"s\"><v>0</v></c><c r=\"C4\"><v>370600000000</v></c><c r=\"D4\" s=\"1\"><v>31120</v></c>\
             <c r=\"E4\" s=\"2\"><v>45052.25</v></c><c r=\"F4\" t=\"b\"><v>1</v></c></row>",
            text("A4", "ona@example.com")
        ),
        format!("<row r=\"5\">{}</row>", text("A5", "jo@example.com")),
    ];
    let bytes = workbook(&rows.concat());
    let app = TestApp::at(NOW);
    app.mutate(
        "mutation { createCustomField(input: {key: \"vip\", type: BOOLEAN}) { userErrors { message } } }",
        serde_json::json!({}),
    );
    let report = import(&app, &bytes, FileOptions::default());
    assert_eq!((report.rows, report.created), (2, 2));
    let stored = "SELECT string_agg(concat_ws(' ', s.email, s.first_name, s.phone, s.birthday, s.created_at AT TIME ZONE 'UTC', s.custom), '; ' ORDER BY s.id) FROM subscribers s";
    assert_eq!(
        app.database.ask(stored),
        "ona@example.com Ona 370600000000 1985-03-14 2023-05-06 06:00:00 {\"vip\": true}; jo@example.com 2026-03-01 09:30:00 {}"
    );
    let file = FileOptions {
        part: Some("Notes".to_owned()),
        ..FileOptions::default()
    };
    assert!(
        refusal(&bytes, file).contains("empty file"),
        "an empty sheet"
    );
    let broken = packed(&[("xl/workbook.xml", "<?xml version=\"1.0\"?><workbook/>")]);
    assert!(refusal(&broken, FileOptions::default()).contains("save it as CSV UTF-8"));
}

#[test]
fn lines_of_json_are_read() {
    let text = "{\"email\":\"ona@example.com\",\"first_name\":\"Ona\"}\n{\"city\":\"Kaunas\",\"email\":\"jo@example.com\"}\n";
    let app = TestApp::at(NOW);
    let (import, failure) = super::run_job(
        &app,
        &super::subscribers(SubscriberImport::default()),
        text.as_bytes(),
    );
    assert_eq!(failure, None);
    assert_eq!(import.state(), ImportState::Succeeded);
    assert_eq!(
        import.form().map(|file| file.form.format),
        Some(FileFormat::JsonLines)
    );
    assert_eq!(people(&app), "ona@example.com Ona; jo@example.com Kaunas");
}

#[test]
fn objects_of_a_column_become_fields_and_its_names_groups() {
    let csv = "email,name,attributes,lists\n\
        ona@example.com,Ona,\"{\"\"city\"\": \"\"Vilnius\"\", \"\"age\"\": 42, \"\"tags\"\": [\"\"a\"\", \"\"b\"\"]}\",\"Weekly news, VIP\"\n\
        jo@example.com,Jo,{},VIP\n";
    let options = SubscriberImport {
        file: FileOptions {
            fields_from: vec!["attributes".to_owned()],
            ..FileOptions::default()
        },
        columns: vec![("name".to_owned(), "first_name".to_owned())],
        splits: vec![("lists".to_owned(), ',')],
        groups_from: vec!["lists".to_owned()],
        create_groups: true,
        ..SubscriberImport::default()
    };
    let app = TestApp::at(NOW);
    app.group("vip", &[]);
    let report = import_subscribers(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    let report = report.expect("the file can be imported");
    assert_eq!(
        (report.created, report.added_to_group),
        (2, 3),
        "{:?}",
        report.problems
    );
    assert_eq!(
        app.database
            .ask("SELECT string_agg(s.custom::text, ' ' ORDER BY s.id) FROM subscribers s"),
        "{\"age\": 42, \"city\": \"Vilnius\", \"tags\": [\"a\", \"b\"]} {}"
    );
    let members = "SELECT string_agg(g.key || '=' || g.name || ':' || s.email, ' ' ORDER BY g.key, s.id) FROM group_memberships m \
        JOIN groups g ON g.id = m.group_id JOIN subscribers s ON s.id = m.subscriber_id";
    assert_eq!(
        app.database.ask(members),
        "vip=vip:ona@example.com vip=vip:jo@example.com weekly-news=Weekly news:ona@example.com"
    );
    // Groups are made when that is said only.
    let refused = SubscriberImport {
        create_groups: false,
        ..options
    };
    let other = TestApp::at(NOW);
    let refused = import_subscribers(
        other.db(),
        csv.as_bytes(),
        &refused,
        other.clock.now(),
        |_| {},
    );
    assert!(refused.is_err_and(|error| error.to_string().contains("Weekly news")));
}
