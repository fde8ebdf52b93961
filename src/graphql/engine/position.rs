//! Positions in the history of changes. They are opaque to clients; the server reads a place and its token from them.

use super::error::bad_input;
use super::id::{IdKind, parse_global};
use crate::past::{Place, Position, Start};
use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const NAME: &str = "Position";

/// Returns the text of a position. `told` is how many subscribers of the next change were already sent.
pub fn write_position(position: &Position, told: usize) -> ID {
    let Position {
        place: Place { refresh, between },
        token,
        history,
    } = position;
    let mut text = format!("{NAME}:{refresh}:{between}:{token}:{told}");
    if let Some(history) = history {
        text.push_str(&format!(":{history}"));
    }
    ID(URL_SAFE_NO_PAD.encode(text))
}

/// Reads the argument `after`, a position or the global id of a refresh. Returns where to start, and how many
/// subscribers of the next change were already sent.
pub fn parse_after(after: &ID) -> async_graphql::Result<(Start, usize)> {
    if let Some((IdKind::Refresh, id)) = parse_global(after) {
        return Ok((Start::Refresh(id), 0));
    }
    parse_position(after).ok_or_else(|| {
        bad_input(format!(
            "after: expected a position from `membershipChanged` or a segment, or the id of a refresh, found \"{}\"",
            after.as_str()
        ))
    })
}

fn parse_position(text: &ID) -> Option<(Start, usize)> {
    let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let numbers = text.strip_prefix(NAME)?.strip_prefix(':')?;
    let numbers: Vec<i64> = numbers
        .split(':')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let (refresh, between, token, told, history) = match numbers[..] {
        [refresh, between, token, told] => (refresh, between, token, told, None),
        [refresh, between, token, told, history] => (refresh, between, token, told, Some(history)),
        _ => return None,
    };
    let place = Place { refresh, between };
    let told = usize::try_from(told).ok()?;
    let position = Position {
        place,
        token,
        history,
    };
    Some((Start::Position(position), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_strangers_do_not() {
        let place = Place {
            refresh: 12,
            between: 345,
        };
        for history in [None, Some(8)] {
            let position = Position {
                place,
                token: 9_007_199_254_740_990,
                history,
            };
            let text = write_position(&position, 67);
            let read = parse_after(&text).expect("a position");
            assert_eq!(read, (Start::Position(position), 67));
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for stranger in [
            String::new(),
            "%%%".to_owned(),
            encode("Position:1:2:3"),
            encode("Position:1:2:3:-4"),
            encode("Position:1:2:3:4:5:6"),
            encode("Subscriber:1"),
        ] {
            assert!(parse_after(&ID(stranger.clone())).is_err(), "{stranger}");
        }
    }
}
