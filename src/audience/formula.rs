//! Cells that a spreadsheet would take for formulas: an apostrophe before the cell marks it as text.
//!
//! A file of other people's data is opened in a spreadsheet sooner or later, and a first name such as `=HYPERLINK(...)`
//! would run there. Spreadsheets show a cell that begins with an apostrophe as text, without the apostrophe. An import
//! removes the apostrophe that an export wrote, so that every text is read back unchanged.

/// The characters with which formulas begin.
const BEGINNINGS: [u8; 6] = *b"=+-@\t\r";

/// Whether a cell must be written with an apostrophe before it: it is a formula, or a formula after apostrophes, one of
/// which an import would remove.
pub fn is_formula(cell: &[u8]) -> bool {
    let first = cell.iter().find(|byte| **byte != b'\'');
    first.is_some_and(|byte| BEGINNINGS.contains(byte))
}

/// Removes the apostrophe that was written before a formula.
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
