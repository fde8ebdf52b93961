//! Tests of `rows.rs`.

use super::*;

fn read(text: &[u8]) -> Vec<(u64, Result<Cells, String>)> {
    read_as(text, Dialect::default())
}

fn read_as(text: &[u8], dialect: Dialect) -> Vec<(u64, Result<Cells, String>)> {
    let mut rows = Rows::new(text, dialect);
    let mut found = Vec::new();
    while let Some(row) = rows.next_row().expect("memory can be read") {
        found.push((row.line, row.cells));
    }
    found
}

fn cells(cells: &[&str]) -> Result<Cells, String> {
    Ok(cells.iter().collect())
}

#[test]
fn quoted_cells_may_hold_lines_and_quotes() {
    let text = b"\xef\xbb\xbfa,b\r\n\"x\ny\",\"say \"\"hi\"\"\"\n\n1,2";
    assert_eq!(
        read(text),
        [
            (1, cells(&["a", "b"])),
            (2, cells(&["x\ny", "say \"hi\""])),
            (5, cells(&["1", "2"])),
        ]
    );
}

#[test]
fn a_line_that_is_too_long_costs_one_row() {
    let mut text = b"a,b\n1,\"".to_vec();
    text.resize(10 << 20, b'x');
    text.extend_from_slice(b"\"\ny,2\n");
    let rows = read(&text);
    assert!(
        rows[1]
            .1
            .as_ref()
            .is_err_and(|message| message.contains("at most 1048576 bytes")),
        "{:?}",
        rows[1].1
    );
    assert_eq!(rows[2..], [(3, cells(&["y", "2"]))]);
}

#[test]
fn an_unclosed_quote_costs_one_row() {
    let rows = read(b"a,b\n\"x,1\ny,2\nz,3\n");
    assert!(
        rows[1]
            .1
            .as_ref()
            .is_err_and(|message| message.contains("closing quote"))
    );
    assert_eq!(
        rows[2..],
        [(3, cells(&["y", "2"])), (4, cells(&["z", "3"]))]
    );
}

#[test]
fn an_unclosed_quote_that_a_later_row_seems_to_close_costs_one_row() {
    let rows = read(b"a,\"x\ny,2\n\"z\",3\nu,\"v\n");
    assert!(rows[0].1.is_err() && rows[3].1.is_err(), "{rows:?}");
    assert_eq!(
        rows[1..3],
        [(2, cells(&["y", "2"])), (3, cells(&["z", "3"]))]
    );
}

#[test]
fn text_after_a_closing_quote_costs_one_row() {
    let rows = read(b"\"x\" y,1\n\"x\" ,2\n");
    assert!(
        rows[0]
            .1
            .as_ref()
            .is_err_and(|message| message.contains("after a closing quote"))
    );
    assert_eq!(rows[1..], [(2, cells(&["x", "2"]))]);
}

#[test]
fn lines_that_end_with_a_bare_return_are_none() {
    let rows = read(b"a,b\r1,2\r");
    assert!(
        rows[0]
            .1
            .as_ref()
            .is_err_and(|message| message.contains("CR alone"))
    );
}

#[test]
fn a_quote_within_a_plain_cell_is_a_character() {
    let rows = read(b"5\" disk,1\ny,2\n3\" disk,3\n");
    assert_eq!(
        rows,
        [
            (1, cells(&["5\" disk", "1"])),
            (2, cells(&["y", "2"])),
            (3, cells(&["3\" disk", "3"])),
        ]
    );
}

#[test]
fn bytes_that_are_not_utf8_cost_one_row() {
    let rows = read(b"a\n\xff\xfe\nb\n");
    assert!(
        rows[1]
            .1
            .as_ref()
            .is_err_and(|message| message.contains("UTF-8"))
    );
    assert_eq!(rows[2], (3, cells(&["b"])));
}

#[test]
fn cells_of_another_encoding_are_decoded() {
    let dialect = Dialect {
        of_other_cells: Encoding::parse("windows-1252"),
        ..Dialect::default()
    };
    let mut rows = Rows::new(&b"M\xc3\xbcller\nM\xfcller\n"[..], dialect);
    let mut next = || rows.next_row().expect("memory can be read").expect("a row");
    let (first, second) = (next(), next());
    assert_eq!((first.cells, first.remark), (cells(&["Müller"]), None));
    assert_eq!(second.cells, cells(&["Müller"]));
    assert!(
        second
            .remark
            .is_some_and(|remark| remark.contains("windows-1252"))
    );
}

#[test]
fn lines_that_end_with_cr_alone() {
    let dialect = Dialect {
        line_end: b'\r',
        ..Dialect::default()
    };
    let rows = read_as(b"a,b\r\"x\ry\",2\r\rz,3", dialect);
    assert_eq!(
        rows,
        [
            (1, cells(&["a", "b"])),
            (2, cells(&["x\ry", "2"])),
            (5, cells(&["z", "3"]))
        ]
    );
}

#[test]
fn blanks_may_stand_before_a_quote() {
    let rows = read(b"\"a\", \"b, c\",  d\n e , \"{\"\"x\"\": 1}\"\n");
    assert_eq!(
        rows,
        [
            (1, cells(&["a", "b, c", "  d"])),
            (2, cells(&[" e ", "{\"x\": 1}"]))
        ]
    );
}

#[test]
fn quotes_may_stand_behind_a_backslash() {
    let rows =
        read(b"\"say \\\"hi\\\" now\",1\n\"a\\\"\",2\n\"C:\\\",3\n\"{\\\"a\\\": \\\"b\\\"}\",4\n");
    assert_eq!(
        rows,
        [
            (1, cells(&["say \"hi\" now", "1"])),
            (2, cells(&["a\"", "2"])),
            (3, cells(&["C:\\", "3"])),
            (4, cells(&["{\"a\": \"b\"}", "4"])),
        ]
    );
}

#[test]
fn rows_without_values_are_passed_over() {
    let rows = read(b"a,b\n,,\n\0\0\n\" \",\n1,2\n\x1a");
    assert_eq!(rows, [(1, cells(&["a", "b"])), (5, cells(&["1", "2"]))]);
    let dialect = Dialect {
        skipped_lines: 2,
        ..Dialect::default()
    };
    assert_eq!(
        read_as(b"Report\n\na,b\n", dialect),
        [(3, cells(&["a", "b"]))]
    );
}
