//! Keeps messages short, however many problems they list and however long the texts they quote are.

use super::digits::grouped;

/// How many characters of a message are shown.
const LONGEST: usize = 1_000;
/// How many items of a list a message names.
const NAMED: usize = 20;

/// Returns the message, cut with an ellipsis if it is too long.
pub fn bounded(message: impl Into<String>) -> String {
    let mut message = message.into();
    // A text has no more characters than bytes.
    if message.len() > LONGEST
        && let Some((end, _)) = message.char_indices().nth(LONGEST)
    {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// Joins the first items of a list, and says how many others there are.
pub fn join_first<T: ToString>(items: &[T], separator: &str) -> String {
    let (first, others) = items.split_at(NAMED.min(items.len()));
    let mut texts: Vec<String> = first.iter().map(|item| bounded(item.to_string())).collect();
    if !others.is_empty() {
        texts.push(and_more(others.len(), ""));
    }
    texts.join(separator)
}

/// Returns "… and N more" for the items that are not listed; `what` names the items.
pub fn and_more(count: usize, what: &str) -> String {
    let text = format!("… and {} more {what}", grouped(&count.to_string()));
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        for text in ["", "short", &"x".repeat(1_000), &"ž".repeat(1_000)] {
            assert_eq!(bounded(text), text);
        }
        for text in ["x".repeat(1_001), "ž".repeat(5_000_000), "😀".repeat(1_001)] {
            let cut = bounded(text.clone());
            assert_eq!(cut.chars().count(), 1_001);
            assert!(text.starts_with(cut.trim_end_matches('…')));
        }
    }

    #[test]
    fn long_lists_are_counted() {
        let names = |count: usize| (0..count).map(|one| format!("n{one}")).collect::<Vec<_>>();
        assert_eq!(join_first(&names(0), ", "), "");
        assert_eq!(join_first(&names(2), ", "), "n0, n1");
        assert!(join_first(&names(20), ", ").ends_with("n18, n19"));
        assert!(join_first(&names(21), ", ").ends_with("n19, … and 1 more"));
        assert!(join_first(&names(50_000), "; ").ends_with("n19; … and 49,980 more"));
        assert!(join_first(&["x".repeat(100_000)], "; ").len() < 1_100);
    }
}
