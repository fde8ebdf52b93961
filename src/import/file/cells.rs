//! The cells of a row, in one string: a file has many times as many cells as rows.

use std::fmt;
use std::ops::{Index, Range};

/// Cells, stored one after the other.
#[derive(Clone, Default)]
pub struct Cells {
    text: String,
    /// Where each cell is in the text. There may be other text between cells.
    places: Vec<Range<usize>>,
}

impl Cells {
    /// Returns no cells, with capacity for this many.
    pub fn with_capacity(cells: usize) -> Cells {
        Cells {
            text: String::new(),
            places: Vec::with_capacity(cells),
        }
    }

    /// Returns the cells at these places of a text. Fails, and returns the arguments, if the text is not in UTF-8, or a
    /// place begins or ends within a character.
    pub fn cut(
        text: Vec<u8>,
        places: Vec<Range<usize>>,
    ) -> Result<Cells, (Vec<u8>, Vec<Range<usize>>)> {
        let text = match String::from_utf8(text) {
            Ok(text) => text,
            Err(error) => return Err((error.into_bytes(), places)),
        };
        let is_whole = |place: &Range<usize>| text.get(place.clone()).is_some();
        match places.iter().all(is_whole) {
            true => Ok(Cells { text, places }),
            false => Err((text.into_bytes(), places)),
        }
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str) {
        let begun = self.text.len();
        self.text.push_str(cell);
        self.places.push(begun..self.text.len());
    }

    /// Replaces each cell with its suffix that `end_of` returns.
    pub fn shorten(&mut self, end_of: impl Fn(&str) -> &str) {
        for place in &mut self.places {
            let cell = &self.text[place.clone()];
            place.start += cell.len() - end_of(cell).len();
        }
    }

    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns a cell.
    pub fn get(&self, place: usize) -> Option<&str> {
        Some(&self.text[self.places.get(place)?.clone()])
    }

    /// Returns the cells in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.places.iter().map(|place| &self.text[place.clone()])
    }

    /// Whether a character is in any of the cells, or in the text between them.
    pub fn have(&self, sign: char) -> bool {
        self.text.contains(sign)
    }
}

impl Index<usize> for Cells {
    type Output = str;

    fn index(&self, place: usize) -> &str {
        &self.text[self.places[place].clone()]
    }
}

impl<S: AsRef<str>> FromIterator<S> for Cells {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Cells {
        let mut cells = Cells::default();
        for text in texts {
            cells.push(text.as_ref());
        }
        cells
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Cells {}

impl fmt::Debug for Cells {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_only_between_characters() {
        let cut =
            |text: &[u8], places: [Range<usize>; 2]| Cells::cut(text.to_vec(), places.to_vec());
        let cells = cut("é,b".as_bytes(), [0..2, 3..4]).expect("text");
        assert_eq!(cells.iter().collect::<Vec<_>>(), ["é", "b"]);
        assert!(cut(b"\xe9,b", [0..1, 2..3]).is_err(), "no UTF-8");
        let (text, places) = cut("é".as_bytes(), [0..1, 1..2]).expect_err("halves of a character");
        assert_eq!((text.as_slice(), places.len()), ("é".as_bytes(), 2));
    }

    #[test]
    fn cells_are_what_they_hold() {
        let mut cells = Cells::cut(b"'=1,a".to_vec(), vec![0..3, 4..5]).expect("text");
        cells.shorten(|cell| cell.trim_start_matches('\''));
        assert_eq!(cells, ["=1", "a"].into_iter().collect());
        assert_eq!(
            (cells.len(), cells.get(1), cells.get(2)),
            (2, Some("a"), None)
        );
        assert_eq!(format!("{cells:?}"), "[\"=1\", \"a\"]");
    }
}
