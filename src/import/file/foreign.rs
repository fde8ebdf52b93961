//! Detects files of unsupported formats. The message says what to do with them, not what is wrong with their first
//! line.

/// Returns what the file is and what to do with it, or `None` if it may be a table of text.
pub fn find_foreign(start: &[u8]) -> Option<&'static str> {
    const BINARY: [(&[u8], &str); 16] = [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "found an old Excel workbook (.xls); save it as .xlsx or as CSV UTF-8",
        ),
        (
            b"%PDF",
            "found a PDF; export the list as CSV from the program that made it",
        ),
        (
            b"{\\rtf",
            "found a document of rich text; save the list as plain text or CSV",
        ),
        (
            b"BZh",
            "found an archive packed with bzip2; unpack it, or pack the file with gzip or ZIP",
        ),
        (
            b"\xfd7zXZ\0",
            "found an archive packed with xz; unpack it, or pack the file with gzip or ZIP",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "found an archive packed with zstd; unpack it, or pack the file with gzip or ZIP",
        ),
        (
            b"7z\xbc\xaf\x27\x1c",
            "found a 7z archive; unpack it, or pack the file with gzip or ZIP",
        ),
        (
            b"Rar!",
            "found a RAR archive; unpack it, or pack the file with gzip or ZIP",
        ),
        (
            b"SQLite format 3\0",
            "found a database of SQLite; export the table as CSV",
        ),
        (b"PAR1", "found a Parquet file; export it as CSV"),
        (b"\x89PNG", "found a picture; export the list as CSV"),
        (b"\xff\xd8\xff", "found a picture; export the list as CSV"),
        (b"\xff\xfe\0\0", "found UTF-32; save the file as UTF-8"),
        (b"\0\0\xfe\xff", "found UTF-32; save the file as UTF-8"),
        (
            b"!BDN",
            "found a mailbox of Outlook; export the contacts as CSV",
        ),
        (
            b"\0\x01\0\0Standard ",
            "found a database of Access; export the table as CSV",
        ),
    ];
    let binary = BINARY.iter().find(|(magic, _)| start.starts_with(magic));
    binary
        .map(|(_, words)| *words)
        .or_else(|| find_foreign_text(start))
}

fn find_foreign_text(start: &[u8]) -> Option<&'static str> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = String::from_utf8_lossy(&start[..start.len().min(2_000)]);
    let text = text.trim_start();
    let lower = text.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    match () {
        () if begins(&["begin:vcard"]) => Some(
            "found a vCard file; open it in the program of your contacts, and export them as CSV",
        ),
        () if begins(&["begin:vcalendar"]) => {
            Some("found a calendar; export the list of people as CSV")
        }
        () if begins(&[
            "<!doctype html",
            "<html",
            "<table",
            "<head",
            "<body",
            "<meta",
            "<style",
            "<div",
        ]) =>
        {
            Some(
                "found a web page, perhaps with the name of an Excel workbook; open it in a spreadsheet and save it as .xlsx or as CSV UTF-8",
            )
        }
        () if begins(&["<?xml", "<"]) && !lower.starts_with("<\"") && !is_address(text) => {
            Some("found an XML file; open it in a spreadsheet and save it as .xlsx or as CSV UTF-8")
        }
        () if is_json_array(text) => Some(
            "found a JSON array; write each object on a line of its own (NDJSON, as jq -c '.[]' does), or save it as CSV",
        ),
        () if is_spread_object(text) => Some(
            "found a JSON document; write each person as an object on a line of its own (NDJSON), or save it as CSV",
        ),
        () if begins(&[
            "-- mysql dump",
            "-- mariadb dump",
            "-- postgresql database dump",
            "-- phpmyadmin",
            "insert into ",
            "create table ",
        ]) =>
        {
            Some("found a dump of a database; export the table as CSV")
        }
        () if begins(&["dn:", "version: 1\n"]) => {
            Some("found an LDIF file; export the entries as CSV")
        }
        () => None,
    }
}

/// Whether a text begins with an address in angle brackets, as lists of members do.
fn is_address(text: &str) -> bool {
    let end = text.find('>').unwrap_or(0);
    text[..end].contains('@')
}

fn is_json_array(text: &str) -> bool {
    let rest = text.strip_prefix('[').map(str::trim_start);
    rest.is_some_and(|rest| rest.starts_with(['{', '[', ']']))
}

/// Whether a text begins with a JSON object that spans several lines.
fn is_spread_object(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('{') else {
        return false;
    };
    let rest = rest.trim_start();
    let line = text.lines().next().unwrap_or_default();
    (rest.starts_with('"') || rest.starts_with('}'))
        && text.contains('\n')
        && serde_json::from_str::<serde::de::IgnoredAny>(line).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named() {
        for (start, word) in [
            (&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"[..], ".xls"),
            (b"[{\"email\":\"a@example.com\"}]", "JSON array"),
            (b"{\n  \"people\": [\n", "JSON document"),
            (b"BEGIN:VCARD\r\nVERSION:3.0", "vCard"),
            (b"\xef\xbb\xbf<!DOCTYPE html><html>", "web page"),
            (b"<table><tr><td>email", "web page"),
            (b"<?xml version=\"1.0\"?>", "XML"),
            (b"%PDF-1.4", "PDF"),
            (b"-- MySQL dump 10.13", "database"),
            (b"Rar!\x1a\x07", "RAR"),
        ] {
            assert!(
                find_foreign(start).is_some_and(|words| words.contains(word)),
                "{word}"
            );
        }
        for start in [
            &b"email,name\n"[..],
            b"{\"email\":\"a@example.com\"}\n{\"email\":\"b@example.com\"}\n",
            b"[vip],email\n",
            b"<ona@example.com>\n",
            b"",
        ] {
            assert_eq!(find_foreign(start), None);
        }
    }
}
