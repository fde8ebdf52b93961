//! What conditions can test: everything that an editor of rules needs to know.

use super::node::RuleNodeKind;
use crate::audience::custom_field;
use crate::audience::suggestion::{EventProperty, SuggestionRequest, SuggestionSource, suggest};
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::loaders::{PropertiesOf, SuggestionsFor, load_one};
use crate::graphql::engine::scalar::count;
use crate::graphql::engine::scans::run_scan;
use crate::graphql::types::preview::sample_size;
use crate::rule::vocabulary::{Role, ValueKind, Word, list_words};
use crate::rule::{
    Field, NodeName, TextField, custom_field as field_of, find_label, list_builtin_fields,
};
use async_graphql::{Context, Enum, Object, SimpleObject};

/// A subject that a condition can test.
pub struct RuleField {
    name: Option<String>,
    label: String,
    node: NodeName,
    source: Option<SuggestionSource>,
}

/// A subject that a condition can test: a field of subscribers, or a subject with its own node, such as the status.
#[Object]
impl RuleField {
    /// The value of the key `field` in the condition; null if the node has no field, such as `status` or `event`.
    async fn name(&self) -> Option<Text<&str>> {
        self.name.as_deref().map(Text)
    }

    /// The display name.
    async fn label(&self) -> Text<&str> {
        Text(&self.label)
    }

    /// The node that tests the subject.
    async fn node(&self) -> RuleNodeKind {
        self.node.into()
    }

    /// The keys that the condition may have besides `field`.
    async fn words(&self) -> Vec<RuleWord> {
        words_of(self.node)
    }

    /// The values that occur most often, the most frequent first; for events, their names. Empty for values that are
    /// nearly unique: e-mail addresses, phone numbers, date-times, places and random shares.
    async fn suggested_values(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How the values begin, in any letter case.", default)] prefix: String,
        #[graphql(desc = "At most this many items, up to 250.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<SuggestedValue>> {
        let first = sample_size(first)?;
        match &self.source {
            Some(source) => suggested_values(context, source.clone(), prefix, first).await,
            None => Ok(Vec::new()),
        }
    }
}

/// A key that a condition may have.
#[derive(SimpleObject)]
pub struct RuleWord {
    /// The key.
    pub name: &'static str,
    /// What the key is for.
    pub role: RuleWordRole,
    /// The kind of value that the key takes.
    pub value: RuleValueKind,
}

/// What a key of a condition is for.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Role")]
pub enum RuleWordRole {
    /// A test: a condition has exactly one, under `is` if the node has a field. A random share needs all of its keys.
    Test,
    /// A value computed from events, and its test: at most one.
    Measure,
    /// The window of time in which something must have happened: at most one.
    Window,
    /// Tests of properties of events.
    Filter,
    /// The subject of the condition, such as the name of events.
    Subject,
    /// An option of the test; may be left out.
    Option,
}

/// The kind of value that a key of a condition takes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ValueKind")]
pub enum RuleValueKind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A regular expression.
    Pattern,
    /// A number.
    Number,
    /// A list of numbers.
    Numbers,
    /// Two numbers, `from` and `to`.
    NumberRange,
    /// A test of a number: the same tests as the node `number`.
    NumberTest,
    /// A day or a date-time.
    Date,
    /// Two days or date-times, `from` and `to`.
    DateRange,
    /// A test of a day or a date-time: the same tests as the node `date`.
    DateTest,
    /// An `amount` and a `unit`: HOUR, DAY, WEEK, MONTH or YEAR.
    Period,
    /// A month, 1 to 12.
    Month,
    /// `true` and nothing else.
    True,
    /// `true` or `false`.
    Flag,
    /// `latitude`, `longitude` and `radiusKm`.
    Circle,
    /// A list of statuses.
    Statuses,
    /// A list of keys of groups.
    GroupKeys,
    /// A list of keys of segments.
    SegmentKeys,
    /// A list of tests of properties: conditions with `property` in the place of `field`.
    PropertyTests,
    /// One window of time: a key with the role WINDOW of the node `event`.
    Window,
    /// Two lengths of time before now, `from` and `to`.
    PeriodRange,
    /// A whole period of the calendar: a value of the enum `CalendarPeriod`.
    CalendarPeriod,
    /// The name of a property that holds numbers.
    Property,
}

/// A value that occurs, and how often.
#[derive(SimpleObject)]
pub struct SuggestedValue {
    /// The value, as text.
    pub value: Text<String>,
    /// How many subscribers, members or events have the value.
    pub count: i32,
}

/// A name of events that occurred.
pub struct RuleEvent {
    name: String,
    count: i64,
}

/// A name of events that occurred, with their properties.
#[Object]
impl RuleEvent {
    /// The name.
    async fn name(&self) -> Text<&str> {
        Text(&self.name)
    }

    /// How many events have the name.
    async fn count(&self) -> i32 {
        count(self.count)
    }

    /// The properties that the latest 10,000 events of the name have, the most frequent first. A property with values
    /// of several types is listed once for each type. At most 250, and only those that a rule can use.
    async fn properties(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<RuleEventProperty>> {
        let properties = load_one(context.loader()?, PropertiesOf(self.name.clone())).await?;
        let properties = properties.unwrap_or_default().into_iter();
        Ok(properties.filter_map(RuleEventProperty::new).collect())
    }
}

/// A property of events.
pub struct RuleEventProperty {
    property: EventProperty,
    node: NodeName,
}

impl RuleEventProperty {
    /// Returns the property, or `None` if no node can test its type.
    fn new(property: EventProperty) -> Option<RuleEventProperty> {
        let node = match property.json_type.as_str() {
            "string" => NodeName::Text,
            "number" => NodeName::Number,
            "boolean" => NodeName::Boolean,
            "array" => NodeName::List,
            _ => return None,
        };
        Some(RuleEventProperty { property, node })
    }
}

/// A property of events: a value of the key `property` in a test of properties.
#[Object]
impl RuleEventProperty {
    /// The name.
    async fn name(&self) -> Text<&str> {
        Text(&self.property.name)
    }

    /// The node that tests the property. A text that holds days or date-times can also be tested as a date.
    async fn node(&self) -> RuleNodeKind {
        self.node.into()
    }

    /// How many of the latest 10,000 events have the property with a value of this type.
    async fn count(&self) -> i32 {
        count(self.property.count)
    }

    /// The keys that the test may have besides `property`.
    async fn words(&self) -> Vec<RuleWord> {
        words_of(self.node)
    }

    /// The values that occur most often in the latest 10,000 events, the most frequent first.
    async fn suggested_values(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How the values begin, in any letter case.", default)] prefix: String,
        #[graphql(desc = "At most this many items, up to 250.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<SuggestedValue>> {
        let source = SuggestionSource::Property {
            event: self.property.event.clone(),
            property: self.property.name.clone(),
            json_type: self.property.json_type.clone(),
        };
        suggested_values(context, source, prefix, sample_size(first)?).await
    }
}

async fn suggested_values(
    context: &Context<'_>,
    source: SuggestionSource,
    prefix: String,
    first: usize,
) -> async_graphql::Result<Vec<SuggestedValue>> {
    let request = SuggestionRequest {
        source,
        prefix,
        first,
    };
    let found = load_one(context.loader()?, SuggestionsFor(request)).await?;
    let values = found.unwrap_or_default().into_iter();
    Ok(values
        .map(|found| SuggestedValue {
            value: found.value.into(),
            count: count(found.count),
        })
        .collect())
}

fn words_of(node: NodeName) -> Vec<RuleWord> {
    let word = |word: Word| RuleWord {
        name: word.name,
        role: word.role.into(),
        value: word.value.into(),
    };
    list_words(node.as_str()).into_iter().map(word).collect()
}

/// Queries about what rules can test.
#[derive(Default)]
pub struct RuleFieldQuery;

#[Object]
impl RuleFieldQuery {
    /// Lists everything that a condition can test: the built-in fields, the custom fields by key, then subjects with a
    /// node of their own.
    async fn rule_fields(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The name of a field, such as `city` or `custom.visits`: only this one is listed. All if absent."
        )]
        name: Option<String>,
    ) -> async_graphql::Result<Vec<RuleField>> {
        let db = &context.app()?.db;
        let custom = db.run(custom_field::list_all).await.map_err(to_graphql)?;
        let builtin = list_builtin_fields().into_iter().map(|(name, field)| {
            of_field(
                name.to_owned(),
                find_label(name).unwrap_or(name).to_owned(),
                field,
            )
        });
        let custom = custom.into_iter().map(|custom| {
            let field = field_of(&custom.key, custom.custom_type.0);
            of_field(format!("custom.{}", custom.key), custom.label, field)
        });
        let subjects = [
            (NodeName::Status, Some(SuggestionSource::Status)),
            (NodeName::Location, None),
            (NodeName::Group, Some(SuggestionSource::Group)),
            (NodeName::Segment, Some(SuggestionSource::Segment)),
            (NodeName::Event, Some(SuggestionSource::Event)),
            (NodeName::Random, None),
        ];
        let subjects = subjects.into_iter().map(|(node, source)| RuleField {
            name: None,
            label: node.as_str().to_owned(),
            node,
            source,
        });
        let is_wanted = |field: &RuleField| name.is_none() || field.name == name;
        let fields = builtin.chain(custom).chain(subjects);
        Ok(fields.filter(is_wanted).collect())
    }

    /// Lists the names of events that occurred, the most frequent first.
    async fn rule_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How the names begin, in any letter case.", default)] prefix: String,
        #[graphql(desc = "At most this many items, up to 250.", default = 50)] first: i32,
    ) -> async_graphql::Result<Vec<RuleEvent>> {
        let request = SuggestionRequest {
            source: SuggestionSource::Event,
            prefix,
            first: sample_size(first)?,
        };
        let found = run_scan(context, move |db, _| {
            db.run_here(|connection| suggest(connection, std::slice::from_ref(&request)))
        });
        let found = found.await?.into_iter().flatten();
        Ok(found
            .map(|found| RuleEvent {
                name: found.value,
                count: found.count,
            })
            .collect())
    }
}

fn of_field(name: String, label: String, field: Field) -> RuleField {
    let is_personal = match &field {
        Field::Text(TextField::Email | TextField::Phone) => true,
        Field::Date(field) => !field.is_day(),
        _ => false,
    };
    RuleField {
        name: Some(name),
        label,
        node: NodeName::of_field(&field),
        source: (!is_personal).then_some(SuggestionSource::Field(field)),
    }
}
