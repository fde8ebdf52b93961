//! What an import would do with its file.

use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::scalar::count;
use crate::graphql::types::custom_field::CustomFieldType;
use crate::graphql::types::subscriber::SubscriberStatus;
use crate::import::{Analysis, Change, ColumnAnalysis, Others, Question, QuestionKind};
use async_graphql::{Enum, SimpleObject};

/// A program whose exports are known.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportProgram {
    /// Mailchimp: an audience.
    Mailchimp,
    /// Klaviyo: a list or a segment.
    Klaviyo,
    /// HubSpot: contacts.
    Hubspot,
    /// Shopify: customers.
    Shopify,
    /// Brevo: contacts.
    Brevo,
    /// ActiveCampaign: contacts.
    Activecampaign,
    /// listmonk: subscribers.
    Listmonk,
    /// Ghost: members.
    Ghost,
    /// Stripe: customers.
    Stripe,
    /// Kit, which was ConvertKit: subscribers.
    Kit,
    /// Substack: an e-mail list.
    Substack,
    /// MailerLite: subscribers.
    Mailerlite,
    /// beehiiv: subscribers.
    Beehiiv,
    /// MailPoet: subscribers.
    Mailpoet,
    /// Mautic: contacts.
    Mautic,
    /// WooCommerce: customers.
    Woocommerce,
    /// Constant Contact: contacts.
    Constantcontact,
    /// Campaign Monitor: subscribers.
    Campaignmonitor,
    /// Eventbrite: attendees.
    Eventbrite,
    /// LinkedIn: connections.
    Linkedin,
    /// Discourse: users.
    Discourse,
}

impl ImportProgram {
    /// Returns the name of the program's preset.
    pub fn preset(self) -> &'static str {
        match self {
            ImportProgram::Mailchimp => "mailchimp",
            ImportProgram::Klaviyo => "klaviyo",
            ImportProgram::Hubspot => "hubspot",
            ImportProgram::Shopify => "shopify",
            ImportProgram::Brevo => "brevo",
            ImportProgram::Activecampaign => "activecampaign",
            ImportProgram::Listmonk => "listmonk",
            ImportProgram::Ghost => "ghost",
            ImportProgram::Stripe => "stripe",
            ImportProgram::Kit => "kit",
            ImportProgram::Substack => "substack",
            ImportProgram::Mailerlite => "mailerlite",
            ImportProgram::Beehiiv => "beehiiv",
            ImportProgram::Mailpoet => "mailpoet",
            ImportProgram::Mautic => "mautic",
            ImportProgram::Woocommerce => "woocommerce",
            ImportProgram::Constantcontact => "constantcontact",
            ImportProgram::Campaignmonitor => "campaignmonitor",
            ImportProgram::Eventbrite => "eventbrite",
            ImportProgram::Linkedin => "linkedin",
            ImportProgram::Discourse => "discourse",
        }
    }

    /// Returns the program of a preset.
    fn of(preset: &str) -> Option<ImportProgram> {
        let mut programs =
            <ImportProgram as async_graphql::resolver_utils::EnumType>::items().iter();
        programs
            .find(|item| item.value.preset() == preset)
            .map(|item| item.value)
    }
}

/// What to do with all columns that are not recognised and have no option of their own.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Others")]
pub enum ImportOthers {
    /// Leave them out.
    Ignore,
    /// Create custom fields from them, with the types of their values.
    Field,
}

/// The kind of a question about a file.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "QuestionKind")]
pub enum ImportQuestionKind {
    /// A column about consent.
    Consent,
    /// A file that lists subscribers who opted out.
    AboutLeft,
    /// A column whose name is not recognised.
    Unknown,
    /// Two columns have the same meaning.
    Again,
    /// A column of which most cells cannot be read.
    Unreadable,
    /// A status column with unknown words.
    StatusWords,
    /// The file has no column with addresses.
    NoEmail,
    /// A file of events has no column with the names of events.
    NoEvent,
    /// A file of events has no column with times.
    NoTime,
}

/// The option of `CreateImportInput` that a change is about.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOption {
    /// `from`: read the file as a program writes it.
    From,
    /// `columns`: send a column to a field.
    Columns,
    /// `ignore`: leave a column out.
    Ignore,
    /// `fields`: create a custom field from a column.
    Fields,
    /// `statuses`: say what a word of a status column means.
    Statuses,
    /// `set`: give rows without a value this one.
    Set,
    /// `dateFormats`: read the days and times of a column in a format.
    DateFormats,
    /// `decimalCommas`: read decimals of a column after a comma.
    DecimalCommas,
    /// `decimalPoints`: read decimals of a column after a point.
    DecimalPoints,
    /// `splits`: cut the cells of a column into items at a character.
    Splits,
    /// `event`: name all events.
    Event,
    /// `fold`: make one event of the lines of one order.
    Fold,
    /// `others`: decide what to do with all other columns.
    Others,
}

/// An option that is proposed for an import.
#[derive(SimpleObject)]
pub struct ImportChange {
    /// The kind of the option.
    pub option: ImportOption,
    /// The option in the form of `CreateImportInput`.
    pub input: Text<String>,
    /// The column that the option is about.
    pub column: Option<Text<String>>,
    /// The field that a column goes to, or that rows without a value get.
    pub field: Option<Text<String>>,
    /// The value that rows without one get.
    pub value: Option<Text<String>>,
    /// The type of a custom field that is created.
    pub r#type: Option<CustomFieldType>,
    /// The word that gets a meaning.
    pub word: Option<Text<String>>,
    /// The meaning of the word.
    pub status: Option<SubscriberStatus>,
    /// The format of days and times.
    pub format: Option<Text<String>>,
    /// The character at which the cells of a column are cut.
    pub character: Option<Text<String>>,
    /// The name of all events.
    pub event: Option<Text<String>>,
    /// The program.
    pub from: Option<ImportProgram>,
    /// What to do with all other columns.
    pub others: Option<ImportOthers>,
}

impl From<Change> for ImportChange {
    fn from(change: Change) -> ImportChange {
        let empty = |option| ImportChange {
            option,
            input: change.as_input().into(),
            column: None,
            field: None,
            value: None,
            r#type: None,
            word: None,
            status: None,
            format: None,
            character: None,
            event: None,
            from: None,
            others: None,
        };
        let text = |text: &String| Some(Text(text.clone()));
        match &change {
            Change::From { preset } => ImportChange {
                from: ImportProgram::of(preset),
                ..empty(ImportOption::From)
            },
            Change::Column { column, field } => ImportChange {
                column: text(column),
                field: text(field),
                ..empty(ImportOption::Columns)
            },
            Change::Ignore { column } => ImportChange {
                column: text(column),
                ..empty(ImportOption::Ignore)
            },
            Change::Field { column, field_type } => ImportChange {
                column: text(column),
                r#type: Some((*field_type).into()),
                ..empty(ImportOption::Fields)
            },
            Change::Status { word, status } => ImportChange {
                word: text(word),
                status: Some((*status).into()),
                ..empty(ImportOption::Statuses)
            },
            Change::Set { field, value } => ImportChange {
                field: text(field),
                value: text(value),
                ..empty(ImportOption::Set)
            },
            Change::DateFormat { column, format } => ImportChange {
                column: text(column),
                format: Some(Text(format.as_str().to_owned())),
                ..empty(ImportOption::DateFormats)
            },
            Change::DecimalComma { column } => ImportChange {
                column: text(column),
                ..empty(ImportOption::DecimalCommas)
            },
            Change::DecimalPoint { column } => ImportChange {
                column: text(column),
                ..empty(ImportOption::DecimalPoints)
            },
            Change::Split { column, character } => ImportChange {
                column: text(column),
                character: Some(Text(character.to_string())),
                ..empty(ImportOption::Splits)
            },
            Change::Event { name } => ImportChange {
                event: text(name),
                ..empty(ImportOption::Event)
            },
            Change::Fold { column } => ImportChange {
                column: text(column),
                ..empty(ImportOption::Fold)
            },
            Change::Others { others } => ImportChange {
                others: Some((*others).into()),
                ..empty(ImportOption::Others)
            },
        }
    }
}

/// A question to settle before the import starts.
#[derive(SimpleObject)]
pub struct ImportQuestion {
    /// The kind of the question.
    pub kind: ImportQuestionKind,
    /// The column that the question is about, if it is about one.
    pub column: Option<Text<String>>,
    /// What was found in the file.
    pub message: Text<String>,
    /// Options that settle the question; empty if only the owner of the file can answer it.
    pub proposal: Vec<ImportChange>,
}

/// A value and how many cells hold it.
#[derive(SimpleObject)]
pub struct ImportValue {
    /// The value, shortened.
    pub value: Text<String>,
    /// How many cells hold the value.
    pub count: i32,
}

/// What an import would do with a column.
#[derive(SimpleObject)]
pub struct ImportColumnAnalysis {
    /// The name of the column in the header, or `column 1` if it has none.
    pub name: Text<String>,
    /// The field that the cells go to; null if the column is left out, or not settled.
    pub target: Option<Text<String>>,
    /// Why the column goes to that field, or to none.
    pub reason: Text<String>,
    /// How many cells are not empty.
    pub filled_count: i32,
    /// The first distinct values, shortened; empty once the import has begun.
    pub samples: Vec<Text<String>>,
    /// How many cells cannot be read. They are left out; in a file of events their rows are refused.
    pub unread_count: i32,
    /// Some of the unreadable cells; empty once the import has begun.
    pub unread_values: Vec<ImportValue>,
    /// The option that makes most of the unreadable cells readable.
    pub mend: Option<ImportChange>,
    /// How many cells the option makes readable.
    pub mended_count: i32,
    /// How many cells are read with an adjusted value.
    pub remark_count: i32,
}

fn number(number: u64) -> i32 {
    count(i64::try_from(number).unwrap_or(i64::MAX))
}

impl From<ColumnAnalysis> for ImportColumnAnalysis {
    fn from(column: ColumnAnalysis) -> ImportColumnAnalysis {
        let values = column.unread_values.into_iter();
        ImportColumnAnalysis {
            name: column.name.into(),
            target: column.target.map(Text),
            reason: column.why.into(),
            filled_count: number(column.filled),
            samples: column.samples.into_iter().map(Text).collect(),
            unread_count: number(column.unread),
            unread_values: values
                .map(|(value, count)| ImportValue {
                    value: value.into(),
                    count: number(count),
                })
                .collect(),
            mend: column.mend.map(Into::into),
            mended_count: number(column.mended),
            remark_count: number(column.remarks),
        }
    }
}

/// What an import would do with its file.
#[derive(SimpleObject)]
pub struct ImportAnalysis {
    /// Rows of the file, without the header and empty lines.
    pub rows: i32,
    /// Rows that cannot be cut into cells and will be skipped.
    pub malformed: i32,
    /// The program that the file seems to come from.
    pub recognised: Option<ImportProgram>,
    /// The program whose format the file is read in.
    pub from: Option<ImportProgram>,
    /// The columns in their order.
    pub columns: Vec<ImportColumnAnalysis>,
    /// The cells of the first rows, shortened, in the order of the columns; empty once the import has begun.
    pub first_rows: Vec<Vec<Text<String>>>,
    /// Questions to settle before the import starts. Nothing is written while there is one.
    pub questions: Vec<ImportQuestion>,
    /// Options that settle all questions; empty if there are no questions, or if only the owner of the file can answer
    /// them.
    pub proposal: Vec<ImportChange>,
}

fn shown(rows: Vec<Vec<String>>) -> Vec<Vec<Text<String>>> {
    let shown = |row: Vec<String>| row.into_iter().map(Text).collect();
    rows.into_iter().map(shown).collect()
}

impl From<Analysis> for ImportAnalysis {
    fn from(analysis: Analysis) -> ImportAnalysis {
        let program = |preset: Option<String>| preset.as_deref().and_then(ImportProgram::of);
        let name_of = |place: usize| {
            analysis
                .columns
                .get(place)
                .map(|column| Text(column.name.clone()))
        };
        let question = |question: Question| ImportQuestion {
            kind: question.kind.into(),
            column: question.column.and_then(name_of),
            message: question.message.into(),
            proposal: question.changes.into_iter().map(Into::into).collect(),
        };
        ImportAnalysis {
            rows: number(analysis.rows),
            malformed: number(analysis.malformed),
            recognised: program(analysis.recognised),
            from: program(analysis.from),
            questions: analysis.questions.into_iter().map(question).collect(),
            first_rows: shown(analysis.first_rows),
            columns: analysis.columns.into_iter().map(Into::into).collect(),
            proposal: analysis.proposal.into_iter().map(Into::into).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::PRESETS;

    #[test]
    fn every_preset_has_a_program() {
        for preset in PRESETS {
            let program = ImportProgram::of(preset.name);
            assert_eq!(program.map(ImportProgram::preset), Some(preset.name));
        }
    }
}
