//! Decides where each column of a file of events goes.

use super::header::is_column;
use super::mapping::{Columns, missing_column};
use super::options::EventImport;
use crate::error::{Error, InputCode, InputProblem};
use crate::import::value::cell::CellKind;
use crate::rule::nearest;

const COLUMNS: [&str; 6] = [
    "email",
    "event",
    "occurred_at",
    "value",
    "dedupe_key",
    "properties",
];
pub const PROPERTIES: &str = "properties.";

/// The names of the columns in exports of shops and payment services, folded, the likelier first. If several columns
/// have such names, the one with the likeliest name is taken.
const SYNONYMS: [(&str, &[&str]); 5] = [
    (
        "email",
        &[
            "customeremail",
            "emailaddress",
            "buyeremail",
            "emailbilling",
            "billingemail",
            "billingemailaddress",
            "contactemail",
            "useremail",
            "customeremailaddress",
            "payeremail",
            "fromemailaddress",
            "recipientemail",
            "attendeeemail",
            "subscriberemail",
            "mail",
            "emailadresse",
            "courriel",
            "correoelectronico",
        ],
    ),
    (
        "occurred_at",
        &[
            "createdat",
            "createdateutc",
            "createddateutc",
            "createdutc",
            "created",
            "createddate",
            "orderdate",
            "datecreated",
            "ordercreatedat",
            "orderedat",
            "purchasedat",
            "purchasedate",
            "dateofpurchase",
            "transactiondate",
            "paymentdate",
            "paidat",
            "datepaid",
            "eventtime",
            "eventdate",
            "eventtimestamp",
            "timestamp",
            "datetime",
            "dateandtime",
            "date",
            "time",
            "occurred",
            "completedat",
            "bestelldatum",
            "bestelldatumzeit",
            "datum",
            "fecha",
            "datedecommande",
        ],
    ),
    (
        "value",
        &[
            "total",
            "ordertotal",
            "ordertotalamount",
            "totalamount",
            "totalprice",
            "grandtotal",
            "amount",
            "totalpaid",
            "amountpaid",
            "gross",
            "revenue",
            "ordervalue",
            "price",
            "summe",
            "gesamtsumme",
            "gesamtbetrag",
            "betrag",
            "montant",
            "importe",
        ],
    ),
    (
        "dedupe_key",
        &[
            "orderid",
            "ordernumber",
            "orderno",
            "order",
            "transactionid",
            "paymentid",
            "chargeid",
            "invoiceid",
            "invoicenumber",
            "eventid",
            "receiptnumber",
            "bestellnummer",
            "name",
            "id",
        ],
    ),
    (
        "event",
        &[
            "eventname",
            "eventtype",
            "activity",
            "action",
            "metric",
            "activitytype",
        ],
    ),
];

/// The target of a column of a file of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTarget {
    /// A field of events, such as `occurred_at`.
    Column(&'static str),
    /// A property.
    Property(String),
    /// The column is left out.
    Nowhere,
}

impl EventTarget {
    /// Returns the name in reports, or `None` if the column is left out.
    pub fn name(&self) -> Option<String> {
        match self {
            EventTarget::Column(name) => Some((*name).to_owned()),
            EventTarget::Property(name) => Some(format!("{PROPERTIES}{name}")),
            EventTarget::Nowhere => None,
        }
    }
}

/// Returns the kind of values in a column of that name. Returns `None` for text, and for unknown names.
pub fn kind_of_event(name: &str) -> Option<CellKind> {
    match find_target(name)? {
        EventTarget::Column("email") => Some(CellKind::Email),
        EventTarget::Column("occurred_at") => Some(CellKind::Instant),
        EventTarget::Column("value") => Some(CellKind::Number),
        _ => None,
    }
}

/// The decisions about the columns of a file of events.
#[derive(Debug, Default)]
pub struct EventDecisions {
    /// The target of each column; `None` for a column that is not settled.
    pub targets: Vec<Option<EventTarget>>,
    /// The required fields that no column has.
    pub missing: Vec<&'static str>,
    /// The errors of the options.
    pub problems: Vec<InputProblem>,
}

/// Decides where the columns of a file of events go.
pub fn decide_event_columns(columns: Columns<'_>, options: &EventImport) -> EventDecisions {
    let names: Vec<&str> = columns.names.iter().map(|name| name.trim()).collect();
    let synonyms = find_synonyms(&names, options);
    let mut decisions = EventDecisions::default();
    for (place, column) in names.iter().enumerate() {
        let known = synonyms
            .iter()
            .find(|(_, of)| *of == place)
            .map(|(target, _)| EventTarget::Column(target));
        let target = map(column, place, known, options);
        let is_again = target != Some(EventTarget::Nowhere)
            && target.is_some()
            && decisions.targets.contains(&target);
        if is_again {
            let message = format!("expected each column once, found \"{column}\" again");
            decisions
                .problems
                .push(InputProblem::new(InputCode::Invalid, "header", message));
        }
        decisions.targets.push(target);
    }
    let has = |name| decisions.targets.contains(&Some(EventTarget::Column(name)));
    let mut needed = vec!["email", "occurred_at"];
    if options.event.is_none() {
        needed.push("event");
    }
    let missing: Vec<&str> = needed.into_iter().filter(|name| !has(*name)).collect();
    decisions.missing = missing;
    if let Some(fold) = &options.fold
        && !names.contains(&fold.trim())
    {
        let message =
            format!("an option names the column \"{fold}\", but the file has no such column");
        let hint = nearest(fold, names.iter().copied());
        decisions
            .problems
            .push(InputProblem::new(InputCode::Missing, "fold", message).with_hint(hint));
    }
    decisions
}

/// Maps the columns of a file of events.
///
/// # Errors
/// [`Error::Invalid`] with every column that cannot be mapped.
pub fn map_event_columns(
    columns: Columns<'_>,
    options: &EventImport,
) -> Result<Vec<EventTarget>, Error> {
    let decisions = decide_event_columns(columns, options);
    let mut problems = decisions.problems;
    for (name, target) in columns.names.iter().zip(&decisions.targets) {
        if target.is_none() {
            let message = format!(
                "expected a column of events or a column \"{PROPERTIES}NAME\", found \"{}\"",
                name.trim()
            );
            problems.push(
                InputProblem::new(InputCode::NotFound, "header", message)
                    .with_hint(nearest(name, COLUMNS)),
            );
        }
    }
    let missing = decisions.missing.into_iter();
    problems.extend(missing.map(|needed| missing_column(needed, columns.names, columns.delimiter)));
    match problems.is_empty() {
        true => Ok(decisions.targets.into_iter().flatten().collect()),
        false => Err(Error::Invalid(problems)),
    }
}

/// Returns the target of a column: by an option, by its name, by a synonym, or as for all other columns. Returns `None`
/// if it is not known.
fn map(
    column: &str,
    place: usize,
    synonym: Option<EventTarget>,
    options: &EventImport,
) -> Option<EventTarget> {
    let is = |said: &str| is_column(said, column, place);
    if let Some((_, target)) = options.columns.iter().find(|(said, _)| is(said)) {
        return find_target(target.trim());
    }
    if options.ignore.iter().any(|said| is(said)) {
        return Some(EventTarget::Nowhere);
    }
    find_target(column)
        .or(synonym)
        .or_else(|| match options.others? {
            super::options::Others::Ignore => Some(EventTarget::Nowhere),
            super::options::Others::Field => Some(EventTarget::Property(column.to_owned())),
        })
}

/// Finds columns by synonyms, at most one for each field of events that no column is named after.
fn find_synonyms(names: &[&str], options: &EventImport) -> Vec<(&'static str, usize)> {
    let is_said = |name: &str| {
        options.columns.iter().any(|(said, _)| said.trim() == name)
            || options.ignore.iter().any(|said| said.trim() == name)
    };
    let is_taken = |target: &str| {
        let said = options
            .columns
            .iter()
            .any(|(_, said)| said.trim().eq_ignore_ascii_case(target));
        said || names
            .iter()
            .any(|name| !is_said(name) && name.eq_ignore_ascii_case(target))
    };
    let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
    let free = |place: &usize| !is_said(names[*place]) && find_target(names[*place]).is_none();
    let mut found = Vec::new();
    for (target, words) in SYNONYMS {
        // The column that identifies an order is the best dedupe key.
        let of_fold = options.fold.as_ref().filter(|_| target == "dedupe_key");
        let of_fold = of_fold.and_then(|fold| names.iter().position(|name| *name == fold.trim()));
        let mut by_word = words.iter().filter_map(|word| {
            (0..names.len())
                .filter(&free)
                .find(|place| folded[*place] == *word)
        });
        if !is_taken(target)
            && let Some(place) = of_fold.filter(&free).or_else(|| by_word.next())
        {
            found.push((target, place));
        }
    }
    found
}

fn find_target(name: &str) -> Option<EventTarget> {
    let mut known = COLUMNS.iter();
    let known = known.find(|known| known.eq_ignore_ascii_case(name) || fold(known) == fold(name));
    match (known, name.strip_prefix(PROPERTIES)) {
        (Some(known), _) => Some(EventTarget::Column(known)),
        (None, Some(property)) if !property.is_empty() => {
            Some(EventTarget::Property(property.to_owned()))
        }
        _ => None,
    }
}

fn fold(name: &str) -> String {
    let letters = name.chars().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::plan::options::Others;

    fn map(header: &[&str], options: &EventImport) -> Vec<String> {
        let names: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let columns = Columns {
            names: &names,
            delimiter: b',',
        };
        let targets = map_event_columns(columns, options).expect("a mapping");
        targets
            .iter()
            .map(|target| target.name().unwrap_or_default())
            .collect()
    }

    #[test]
    fn exports_of_orders_are_understood() {
        let options = EventImport {
            event: Some("purchase".to_owned()),
            others: Some(Others::Ignore),
            ..EventImport::default()
        };
        let shopify = [
            "Name",
            "Email",
            "Paid at",
            "Total",
            "Created at",
            "Lineitem name",
            "Id",
        ];
        assert_eq!(
            map(&shopify, &options),
            ["dedupe_key", "email", "", "value", "occurred_at", "", ""]
        );
        let stripe = [
            "id",
            "Created date (UTC)",
            "Amount",
            "Amount Refunded",
            "Customer Email",
            "Status",
        ];
        assert_eq!(
            map(&stripe, &options),
            ["dedupe_key", "occurred_at", "value", "", "email", ""]
        );
        let folded = EventImport {
            fold: Some("Receipt".to_owned()),
            others: Some(Others::Field),
            ..options
        };
        assert_eq!(
            map(&["Receipt", "email", "date", "Id", "Item"], &folded),
            [
                "dedupe_key",
                "email",
                "occurred_at",
                "properties.Id",
                "properties.Item"
            ]
        );
    }
}
