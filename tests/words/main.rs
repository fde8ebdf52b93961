//! Rules in other words, without a database.
//!
//! | module | holds |
//! |---|---|
//! | `conditions` | every test of every node in English, and its opposite |
//! | `sentences` | whole rules in one sentence |
//! | `outline` | the nodes of a rule in words, as the checker lists them |
//! | `from_query_builder` | queries of react-querybuilder, and the rules that they are |
//! | `query_builder_problems` | what is said about those that cannot be mapped |
//! | `chapter` | the examples of `docs/rules.md` |
//! | `round_trip` | what is mapped one way and back is the same |

mod chapter;
mod conditions;
mod from_query_builder;
mod outline;
mod query_builder_problems;
mod round_trip;
mod sentences;

use rollcall_rule::{Catalogue, CustomType, KnownSegment, Node, parse_rule};
use serde_json::Value;

/// What the rules of these tests may refer to.
fn catalogue() -> Catalogue {
    let custom_fields = [
        ("plan", CustomType::Text),
        ("visits", CustomType::Number),
        ("renewal", CustomType::Date),
        ("seen", CustomType::Datetime),
        ("vip", CustomType::Boolean),
        ("tags", CustomType::List),
    ];
    let segment = |id| KnownSegment {
        id,
        uses: Vec::new(),
    };
    Catalogue {
        custom_fields: custom_fields.map(|(key, of)| (key.to_owned(), of)).into(),
        groups: [("staff".to_owned(), 1), ("press".to_owned(), 2)].into(),
        segments: [
            ("loyal".to_owned(), segment(1)),
            ("lapsed".to_owned(), segment(2)),
        ]
        .into(),
    }
}

fn parsed(rule: &Value) -> Node {
    parse_rule(rule).unwrap_or_else(|problems| panic!("{rule} is a rule: {problems:#?}"))
}
