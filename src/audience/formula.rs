//! Cells that a spreadsheet would take for formulas: an apostrophe before them says that they are text.
//!
//! A file of other people's data is opened in a spreadsheet sooner or later, and a first name such as `=HYPERLINK(...)`
//! would run there. Spreadsheets show a cell that begins with an apostrophe as text, without the apostrophe. An import
//! removes what an export put before a cell: reading undoes writing for every text.

/// What a formula begins with.
const BEGINNINGS: [u8; 6] = *b"=+-@\t\r";

/// Whether a cell has to be written with an apostrophe before it: it is a formula, or would be read back as one that was
/// written so.
pub fn is_formula(cell: &[u8]) -> bool {
    let first = cell.iter().find(|byte| **byte != b'\'');
    first.is_some_and(|byte| BEGINNINGS.contains(byte))
}

/// Takes the apostrophe away that was written before a formula.
pub fn undo(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.as_bytes()) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for cell in [
            "", "'", "''", "Ona", "'Ona", "=1", "'=1", "''=1", "+370", "-1", "@ona", "\tona",
            "\rona", "'t Hart", "a=1", "ė",
        ] {
            let written = match is_formula(cell.as_bytes()) {
                true => format!("'{cell}"),
                false => cell.to_owned(),
            };
            assert_eq!(undo(&written), cell);
            let first = written.bytes().next().unwrap_or(b'x');
            assert!(!BEGINNINGS.contains(&first), "{written}");
        }
    }

    #[test]
    fn an_apostrophe_before_anything_else_is_a_character() {
        assert_eq!(undo("'t Hart"), "'t Hart");
        assert_eq!(undo("'"), "'");
        assert_eq!(undo("'=1"), "=1");
    }
}
