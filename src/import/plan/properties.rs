//! Property tests: invariants of the decisions about files with any names and values.

use super::analysis::{Analysis, Looked};
use super::column::format_of;
use super::decide::{Decider, Why};
use super::look::TRIED;
use super::options::{Others, SubscriberImport};
use super::profile::Profile;
use super::question::QuestionKind;
use super::target::Target;
use crate::import::file::table::column_names;
use crate::rule::{Catalogue, CustomType, Status};
use proptest::prelude::*;

/// Names of columns: of fields, of consent, of programs, and others.
const NAMES: &[&str] = &[
    "email",
    "E-Mail",
    "Email Address",
    "Secondary Email",
    "Work Email",
    "status",
    "Status",
    "State",
    "Subscription status",
    "List status",
    "first_name",
    "Vorname",
    "Name",
    "Full Name",
    "Last Name",
    "phone",
    "Mobile",
    "country",
    "CC",
    "Birthday",
    "Created",
    "created_at",
    "OPTIN_TIME",
    "CONFIRM_TIME",
    "UNSUB_TIME",
    "UNSUB_REASON",
    "CLEAN_TIME",
    "Accepts Marketing",
    "Accepts SMS Marketing",
    "Newsletter",
    "Opt-out",
    "Opt-out date",
    "Abgemeldet am",
    "Désinscrit",
    "Bounced",
    "Bounces",
    "Spam complaint",
    "Double Opt-In",
    "Consent text",
    "subscribed_at",
    "unsubscribed_at",
    "Tags",
    "LEID",
    "EUID",
    "Plan",
    "Total Spend",
    "Delinquent",
    "Card ID",
    "uuid",
    "attributes",
    "points",
    "plan",
    "Points:x",
    "a=b",
    "#3",
    "q\"x",
    "Имя",
    "",
    "x",
    "custom.points",
    "custom.nothing",
    "a very long name of a column, as the questions of a survey are, with a comma",
];

/// Values of cells.
const VALUES: &[&str] = &[
    "",
    "",
    "a@example.com",
    "ona@example.org",
    "yes",
    "no",
    "1",
    "0",
    "TRUE",
    "x",
    "✓",
    "subscribed",
    "Unsubscribed",
    "active",
    "Inactive",
    "bounced",
    "Cleaned",
    "NEVER_SUBSCRIBED",
    "past_due",
    "TX",
    "Archived",
    "2024-02-03 04:05:06",
    "2024-02-03",
    "03/04/2024",
    "13/04/2024",
    "12",
    "12.5",
    "1.234,5",
    "1,234",
    "007",
    "+37060000000",
    "Ona",
    "Lithuania",
    "LT",
    "nowhere",
    "a|b",
    "[\"a\", \"b\"]",
    "hard",
    "soft",
    "No longer interested",
    "long long text",
    "n/a",
    "NULL",
];

fn options() -> impl Strategy<Value = SubscriberImport> {
    let others = prop_oneof![
        Just(None),
        Just(Some(Others::Ignore)),
        Just(Some(Others::Field))
    ];
    let from = prop_oneof![4 => Just(None), 1 => Just(Some("mailchimp".to_owned())), 1 => Just(Some("stripe".to_owned()))];
    (others, from).prop_map(|(others, from)| SubscriberImport {
        others,
        from,
        ..SubscriberImport::default()
    })
}

/// Generates a file from the names and values above. A column holds few different values, as columns do.
fn file() -> impl Strategy<Value = (Vec<String>, Vec<Vec<String>>)> {
    let column = (
        0..NAMES.len(),
        prop::collection::vec(0..VALUES.len(), 1..4),
        prop::collection::vec(0_usize..4, 0..6),
    );
    prop::collection::vec(column, 1..12).prop_map(|columns| {
        let names: Vec<String> = columns
            .iter()
            .map(|(name, ..)| NAMES[*name].to_owned())
            .collect();
        let values = columns.iter().map(|(_, words, cells)| {
            let cells = cells.iter();
            cells
                .map(|cell| VALUES[words[cell % words.len()]].to_owned())
                .collect()
        });
        (column_names(&names.iter().collect()), values.collect())
    })
}

fn looked(names: &[String], values: &[Vec<String>], options: &SubscriberImport) -> Looked {
    let rows = values.iter().map(Vec::len).max().unwrap_or_default();
    let profiles = values.iter().enumerate().map(|(place, values)| {
        let mut profile = Profile::new(names.len(), format_of(options, names, place), &[], &TRIED);
        for row in 0..rows {
            profile.add(values.get(row).map_or("", String::as_str));
        }
        profile
    });
    Looked {
        names: names.to_vec(),
        profiles: profiles.collect(),
        first_rows: Vec::new(),
        groups: std::collections::BTreeSet::new(),
        rows: rows as u64,
        malformed: 0,
    }
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue
        .custom_fields
        .insert("points".to_owned(), CustomType::Number);
    catalogue
        .custom_fields
        .insert("plan".to_owned(), CustomType::Text);
    catalogue
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proposals are accepted and leave no question open. Open questions have a proposal if a column has addresses.
    #[test]
    fn proposals_are_accepted_and_settle_everything((names, values) in file(), options in options()) {
        let catalogue = catalogue();
        let found = looked(&names, &values, &options);
        let decider = |options| Decider {
            catalogue: &catalogue,
            options,
            names: &names,
            profiles: &found.profiles,
            file_name: "people.csv",
            delimiter: b',',
        };
        let decisions = decider(&options).decide();
        prop_assert_eq!(&decisions.problems, &Vec::new());
        let analysis = Analysis::of(&decider(&options), &decisions, &found);
        let has_no_email = analysis.questions.iter().any(|question| question.kind == QuestionKind::NoEmail);
        prop_assert_eq!(analysis.proposal.is_empty(), analysis.questions.is_empty() || has_no_email);
        if analysis.proposal.is_empty() {
            return Ok(());
        }
        let mut accepted = options.clone();
        analysis.proposal.iter().for_each(|change| change.apply(&mut accepted));
        // The file is read again with the options, as the import does.
        let again = looked(&names, &values, &accepted);
        let decisions = Decider { profiles: &again.profiles, ..decider(&accepted) }.decide();
        prop_assert_eq!(&decisions.problems, &Vec::new());
        prop_assert_eq!(&decisions.questions, &Vec::new());
        prop_assert!(decisions.columns.iter().any(|decision| decision.target == Target::Builtin("email")));
    }

    /// A column that says that people unsubscribed is never left out together with other columns.
    #[test]
    fn columns_that_speak_of_consent_are_settled_by_name((names, values) in file()) {
        let catalogue = catalogue();
        // Consent has to be settled by name, even if all other columns are ignored.
        let options = SubscriberImport { others: Some(Others::Ignore), ..SubscriberImport::default() };
        let found = looked(&names, &values, &options);
        let decider = Decider {
            catalogue: &catalogue,
            options: &options,
            names: &names,
            profiles: &found.profiles,
            file_name: "people.csv",
            delimiter: b',',
        };
        let decisions = decider.decide();
        for (place, values) in values.iter().enumerate() {
            let says_left = !values.is_empty() && values.iter().all(|value| value == "Unsubscribed");
            let decision = &decisions.columns[place];
            let is_settled = decision.target == Target::Builtin("status");
            // A column with the name of a custom field becomes that field.
            if says_left && !names[place].starts_with("custom.") {
                prop_assert!(is_settled || decision.why == Why::Open, "{}: {:?}", names[place], decision);
            }
        }
    }
}

/// An option about a word of one column does not make another column with the same word a column about consent.
#[test]
fn what_is_said_of_a_word_is_said_of_its_column() {
    let names = ["OPTIN_TIME", "email"].map(str::to_owned);
    let values = [
        vec!["ona@example.org", "subscribed"],
        vec!["ona@example.org"],
    ];
    let values = values.map(|column| column.into_iter().map(str::to_owned).collect());
    let options = SubscriberImport {
        columns: vec![("OPTIN_TIME".to_owned(), "status".to_owned())],
        statuses: vec![("ona@example.org".to_owned(), Status::Pending)],
        ..SubscriberImport::default()
    };
    let catalogue = catalogue();
    let found = looked(&names, &values, &options);
    let decisions = Decider {
        catalogue: &catalogue,
        options: &options,
        names: &names,
        profiles: &found.profiles,
        file_name: "people.csv",
        delimiter: b',',
    }
    .decide();
    assert_eq!(decisions.questions, Vec::new());
    assert_eq!(decisions.columns[1].target, Target::Builtin("email"));
}
