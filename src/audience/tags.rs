//! Tags: free words on groups and segments, by which people find them.

use super::clean::clean_text;
use crate::error::{Error, InputCode, InputProblem};

/// How many tags a group or segment has at most.
pub const MOST_TAGS: usize = 20;
/// How many characters a tag has at most.
const LONGEST_TAG: usize = 50;

/// Tags in the order in which they were given, each once without regard to letter case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl From<Vec<Option<String>>> for Tags {
    /// Reads tags from the database, whose tables allow no nulls in them.
    fn from(tags: Vec<Option<String>>) -> Tags {
        Tags(tags.into_iter().flatten().collect())
    }
}

impl Tags {
    /// Lists the tags.
    pub fn list(&self) -> &[String] {
        &self.0
    }

    /// Whether a tag is among them, in any letter case.
    pub fn contain(&self, tag: &str) -> bool {
        let tag = tag.to_lowercase();
        self.0.iter().any(|known| known.to_lowercase() == tag)
    }

    /// Cleans tags as names are cleaned. Of tags that differ only in letter case, the first stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every tag that is empty or too long, and if there are too many.
    pub fn clean(given: &[String]) -> Result<Tags, Error> {
        let (mut tags, mut problems) = (Tags::default(), Vec::new());
        for (place, tag) in given.iter().enumerate() {
            match clean_tag(tag) {
                Ok(tag) if tags.contain(&tag) => {}
                Ok(tag) => tags.0.push(tag),
                Err(message) => {
                    let path = format!("tags[{place}]");
                    problems.push(InputProblem::new(InputCode::Invalid, path, message));
                }
            }
            // Further tags are not checked: there may be any number of them.
            if tags.0.len() > MOST_TAGS {
                let found = given.len();
                let message = format!("expected at most {MOST_TAGS} tags, found {found}");
                problems.push(InputProblem::new(InputCode::Invalid, "tags", message));
                break;
            }
        }
        match problems.is_empty() {
            true => Ok(tags),
            false => Err(Error::Invalid(problems)),
        }
    }
}

/// Returns a tag as it is stored.
fn clean_tag(tag: &str) -> Result<String, String> {
    let Some(tag) = clean_text(tag)? else {
        return Err("expected a tag, found an empty text".to_owned());
    };
    match tag.chars().count() {
        ..=LONGEST_TAG => Ok(tag),
        found => Err(format!(
            "expected at most {LONGEST_TAG} characters, found {found}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(tags: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        match Tags::clean(&tags) {
            Ok(tags) => Ok(tags.0),
            Err(Error::Invalid(problems)) => {
                Err(problems.into_iter().map(|problem| problem.path).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn tags_are_cleaned_and_differ_in_more_than_case() {
        let cleaned = clean(&[" Spring ", "spring", "Žalia\u{200b}", "žalia", "b"]);
        assert_eq!(
            cleaned,
            Ok(["Spring", "Žalia", "b"].map(str::to_owned).to_vec())
        );
        assert!(Tags(cleaned.expect("tags")).contain("ŽALIA"));
    }

    #[test]
    fn every_wrong_tag_is_named() {
        let long = "x".repeat(51);
        let problems = clean(&["a", " ", &long, "\0"]);
        let paths = ["tags[1]", "tags[2]", "tags[3]"].map(str::to_owned);
        assert_eq!(problems, Err(paths.to_vec()));
        assert!(clean(&[&"ž".repeat(50)]).is_ok());
        let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(clean(&many), Err(vec!["tags".to_owned()]));
        assert_eq!(clean(&many[1..]).map(|tags| tags.len()), Ok(20));
    }
}
