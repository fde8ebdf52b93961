//! Decides where each column of a file of subscribers goes, and what has to be asked first.
//!
//! Options count first, then the recorded options of a preset, then the column's name together with its values. A name
//! decides only if it means one thing and the values agree. Every column about consent becomes a question, unless it is
//! called `status` and holds only known words.

mod checks;
mod decisions;

use self::decisions::decided;
use super::column::{names_groups, plain_format};
use super::consent_words::{is_status_name, read_file_name, read_header, read_word};
use super::header::{fold, is_column, is_made_up, words_of};
use super::mapping::missing_column;
use super::options::{Others, SubscriberImport};
use super::presets::{PRESETS, Preset, Recorded};
use super::profile::Profile;
use super::propose;
use super::question::{Change, Question, QuestionKind};
use super::status_words::StatusWords;
use super::target::{ConsentTarget, Target};
use super::vocabulary::{self, FULL_NAME};
use crate::audience::key::suggest_key;
use crate::error::{InputCode, InputProblem};
use crate::import::file::table::is_own_export;
use crate::import::value::cell::{CellKind, CellOutcome};
use crate::import::value::read_cell;
use crate::rule::{Catalogue, Status, nearest};

pub use self::decisions::{Decision, Decisions, Why};

/// The first column of a file of refused rows: why each was refused. It is left out when the file is imported again.
pub const REFUSED_BECAUSE: &str = "refused because";

/// The prefix of the key of a custom field in the name of a column, as exports write it.
const CUSTOM: &str = "custom.";

/// If this share of the rows says when or why a person opted out, bounced or complained, the file lists such people.
const MOST: f64 = 0.9;

/// Decides which field each column goes to.
pub struct Decider<'a> {
    /// The existing fields.
    pub catalogue: &'a Catalogue,
    /// The options of the import.
    pub options: &'a SubscriberImport,
    /// The names of the columns.
    pub names: &'a [String],
    /// The contents of the columns.
    pub profiles: &'a [Profile],
    /// The name of the file.
    pub file_name: &'a str,
    /// The delimiter of cells, for the message about a file whose first line is not a header.
    pub delimiter: u8,
}

impl Decider<'_> {
    /// Decides about all columns.
    pub fn decide(&self) -> Decisions {
        let mut decisions = Decisions::default();
        let preset = self.options.from.as_deref();
        let preset = preset.and_then(|name| {
            let found = Preset::find(name);
            if found.is_none() {
                let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
                let message = format!(
                    "expected the name of a program ({}), found \"{name}\"",
                    known.join(", ")
                );
                let problem = InputProblem::new(InputCode::NotFound, "from", message);
                decisions
                    .problems
                    .push(problem.with_hint(nearest(name, known)));
            }
            found
        });
        self.read_constants(&mut decisions);
        for position in 0..self.names.len() {
            let decision = self.column(position, preset, &mut decisions);
            if let Target::Custom(key, _) = &decision.target {
                decisions.keys.insert(key.clone());
            }
            decisions.columns.push(decision);
        }
        self.check_said(&mut decisions);
        self.check_email(&mut decisions);
        self.check_status_words(&mut decisions);
        self.check_left(&mut decisions);
        decisions
    }

    fn column(
        &self,
        position: usize,
        preset: Option<&'static Preset>,
        decisions: &mut Decisions,
    ) -> Decision {
        let name = self.names[position].trim();
        if let Some(decision) = self.as_said(position, name, decisions) {
            return decision;
        }
        // The import sets the time of the last change itself.
        if name == "updated_at" && is_own_export(self.names) {
            return decided(Target::Nowhere, Why::Name);
        }
        if position == 0 && name == REFUSED_BECAUSE {
            return decided(Target::Nowhere, Why::Refused);
        }
        if let Some(preset) = preset
            && let Some(recorded) = preset.recorded(name)
        {
            return self.as_recorded(position, name, preset, recorded, decisions);
        }
        if name.starts_with(CUSTOM) {
            return self.by_key(position, name, decisions);
        }
        if let Some(decision) = self.by_consent(position, name, decisions) {
            return decision;
        }
        match vocabulary::exact(name) {
            Some(field) => self.by_name(position, name, field, decisions),
            None => self.by_key(position, name, decisions),
        }
    }

    /// Decides about a column by the options for it. Returns `None` if there are none.
    fn as_said(&self, position: usize, name: &str, decisions: &mut Decisions) -> Option<Decision> {
        let is = |said: &str| is_column(said, name, position);
        let options = self.options;
        if let Some((_, field)) = options.columns.iter().find(|(said, _)| is(said)) {
            return Some(match self.resolve(position, name, field.trim()) {
                Ok(target) => decided(target, Why::Said),
                Err((message, hint)) => decisions.refuse(InputCode::NotFound, message, hint),
            });
        }
        if options.ignore.iter().any(|said| is(said)) {
            return Some(decided(Target::Nowhere, Why::Said));
        }
        if names_groups(options, self.names, position) {
            return Some(decided(Target::Groups, Why::Said));
        }
        let (_, asked) = options.fields.iter().find(|(said, _)| is(said))?;
        let key = self.key_of(position, name, decisions);
        Some(match self.catalogue.custom_fields.get(&key) {
            Some(existing) if existing != asked => {
                let message = format!(
                    "column \"{name}\" cannot become a custom field of type {}: the custom field \"{key}\" is of type {}",
                    asked.as_str(),
                    existing.as_str()
                );
                decisions.refuse(InputCode::Invalid, message, None)
            }
            _ => decided(Target::Custom(key, *asked), Why::Said),
        })
    }

    /// Returns the target that an option names for a column. Fails with a message and a hint if the name is unknown.
    fn resolve(
        &self,
        position: usize,
        name: &str,
        field: &str,
    ) -> Result<Target, (String, Option<String>)> {
        let custom = field.strip_prefix(CUSTOM);
        if let (Some(target), None) = (Target::builtin(field), custom) {
            return Ok(self.refined(target, position));
        }
        let key = custom.unwrap_or(field);
        let is = |said: &str| is_column(said, name, position);
        let asked = self.options.fields.iter().find(|(said, _)| is(said));
        let existing = self.catalogue.custom_fields.get(key).copied();
        if let Some(custom_type) = existing.or(asked.map(|(_, asked)| *asked)) {
            return Ok(Target::Custom(key.to_owned(), custom_type));
        }
        let message = format!(
            "expected a built-in field or a custom field that exists for column \"{name}\", found \"{field}\""
        );
        let custom = self.catalogue.custom_fields.keys().map(String::as_str);
        let mut known: Vec<&str> = Target::names().collect();
        known.extend(custom);
        Err((message, nearest(key, known)))
    }

    /// In an opt-in without a no, an empty cell means no.
    fn refined(&self, target: Target, position: usize) -> Target {
        match target {
            Target::Consent(ConsentTarget::OptIn { .. }) => Target::Consent(ConsentTarget::OptIn {
                blank_is_no: propose::has_no_no(&self.profiles[position]),
            }),
            other => other,
        }
    }

    fn as_recorded(
        &self,
        position: usize,
        name: &str,
        preset: &'static Preset,
        recorded: Recorded,
        decisions: &mut Decisions,
    ) -> Decision {
        let target = match recorded {
            Recorded::Ignore => Target::Nowhere,
            Recorded::Column(field) => match Target::builtin(field) {
                Some(target) => self.refined(target, position),
                None => Target::Nowhere,
            },
            Recorded::Field(_) if self.profiles[position].filled == 0 => {
                return decided(Target::Nowhere, Why::Empty);
            }
            Recorded::Field(custom_type) => {
                let key = self.key_of(position, name, decisions);
                let existing = self.catalogue.custom_fields.get(&key).copied();
                Target::Custom(key, existing.unwrap_or(custom_type))
            }
        };
        self.if_readable(position, target, Why::Preset(preset), decisions)
    }

    /// Decides about a column that is about consent, by its name or by its values. Returns `None` for other columns.
    fn by_consent(
        &self,
        position: usize,
        name: &str,
        decisions: &mut Decisions,
    ) -> Option<Decision> {
        let profile = &self.profiles[position];
        let words = StatusWords::of(profile, &self.options.statuses);
        let folded = fold(name);
        let is_status = folded == "status";
        if is_status && (profile.filled == 0 || words.is_understood() && words.has_certain()) {
            return Some(decided(Target::Builtin("status"), Why::Name));
        }
        let has_status = || self.names.iter().any(|name| fold(name) == "status");
        // If the columns hold words in place of times, their names do not describe them.
        let holds_times = || !profile.tally(CellKind::Instant).is_mostly_bad();
        if (["subscribedat", "unsubscribedat"].contains(&folded.as_str()) && holds_times()
            || folded == "statusreason")
            && has_status()
        {
            return Target::builtin(name).map(|target| decided(target, Why::Name));
        }
        let hint = read_header(name);
        let is_status_name = is_status_name(name);
        let is_other_channel = hint.is_some_and(|hint| hint.is_other_channel);
        // Options for the words of one column do not make another column a column about consent.
        let own_words = StatusWords::of(profile, &[]);
        let speaks = own_words.speak_of_consent(hint.is_some() || is_status_name)
            || is_status_name
                && words.is_understood()
                && !words.is_empty()
                && !self.is_about_money();
        if speaks && !is_other_channel {
            let mut changes = vec![Change::Column {
                column: propose::call(name, position),
                field: "status".to_owned(),
            }];
            changes.extend(words.say_unknown());
            let message = format!("is about consent: {}", words.shown());
            return Some(decisions.ask(QuestionKind::Consent, position, message, changes));
        }
        let hint = hint?;
        let taken = |target: &Target| decisions.is_taken(target);
        let new_field = || self.new_field(position, name, decisions);
        let (message, changes) =
            propose::for_consent(hint, profile, &words, name, position, &taken, &new_field);
        Some(decisions.ask(QuestionKind::Consent, position, message, changes))
    }

    /// Whether the file is about payments. A status without certain words of consent is then the status of a contract.
    fn is_about_money(&self) -> bool {
        const WORDS: [&str; 18] = [
            "plan",
            "currency",
            "card",
            "spend",
            "spent",
            "payment",
            "payments",
            "refunded",
            "invoice",
            "invoices",
            "amount",
            "delinquent",
            "mrr",
            "price",
            "total",
            "order",
            "orders",
            "subscription",
        ];
        let has = |name: &&String| {
            words_of(name)
                .iter()
                .any(|word| WORDS.contains(&word.as_str()))
        };
        self.names.iter().filter(has).count() >= 2
    }

    /// Decides about a column whose name can mean only one field.
    fn by_name(
        &self,
        position: usize,
        name: &str,
        field: &'static str,
        decisions: &mut Decisions,
    ) -> Decision {
        let target = if field == FULL_NAME {
            Target::FullName
        } else {
            Target::Builtin(field)
        };
        let is_covered = || {
            let mut names = self.names.iter();
            names.any(|name| matches!(vocabulary::exact(name), Some("first_name" | "last_name")))
        };
        if decisions.is_taken(&target) || field == FULL_NAME && is_covered() {
            return self.other(position, name, QuestionKind::Again, decisions);
        }
        self.if_readable(position, target, Why::Name, decisions)
    }

    /// Decides for a target, or asks if most cells would be lost.
    fn if_readable(
        &self,
        position: usize,
        target: Target,
        why: Why,
        decisions: &mut Decisions,
    ) -> Decision {
        let name = self.names[position].trim();
        let is = |said: &str| is_column(said, name, position);
        let options = self.options;
        let is_format_said = options.date_formats.iter().any(|(said, _)| is(said))
            || options
                .decimal_commas
                .iter()
                .chain(&options.decimal_points)
                .any(|said| is(said));
        let kind = target
            .kind()
            .filter(|kind| *kind != CellKind::Email && !is_format_said);
        let Some(tally) = kind.map(|kind| self.profiles[position].tally(kind)) else {
            return decided(target, why);
        };
        if !tally.is_mostly_bad() {
            return decided(target, why);
        }
        let column = propose::call(name, position);
        let fits = tally.best_fits();
        let mut fits = fits.iter().filter(|(_, count)| count * 2 >= tally.bad);
        let change = fits
            .next()
            .and_then(|(fit, _)| propose::fit_change(*fit, column));
        // If the cells have two meanings, one is proposed and the other is mentioned.
        let or = match (&change, fits.next()) {
            (Some(_), Some((other, _))) => format!("; perhaps {}", other.as_text()),
            _ => String::new(),
        };
        let changes = match change {
            Some(change) => vec![change],
            None => self.new_field(position, name, decisions),
        };
        let lost: Vec<String> = tally
            .bad_words
            .keys()
            .take(3)
            .map(|word| format!("\"{word}\""))
            .collect();
        let message = format!(
            "cannot be read as {} in {} of {} cells: {}{or}",
            target.name().unwrap_or_default(),
            tally.bad,
            tally.bad + tally.good,
            lost.join(", ")
        );
        decisions.ask(QuestionKind::Unreadable, position, message, changes)
    }

    /// Decides about a column whose name may be the key of a custom field.
    fn by_key(&self, position: usize, name: &str, decisions: &mut Decisions) -> Decision {
        let key = suggest_key(name.strip_prefix(CUSTOM).unwrap_or(name));
        match self.catalogue.custom_fields.get(&key) {
            Some(existing) => {
                let target = Target::Custom(key, *existing);
                if decisions.is_taken(&target) {
                    return self.other(position, name, QuestionKind::Again, decisions);
                }
                self.if_readable(position, target, Why::OwnField, decisions)
            }
            // Keys of JSON objects that become fields, and the fields of a file that Rollcall exported.
            None if name.starts_with(CUSTOM) && self.makes_fields() => {
                let profile = &self.profiles[position];
                if profile.filled == 0 {
                    return decided(Target::Nowhere, Why::Empty);
                }
                let key = self.key_of(position, name, decisions);
                decided(
                    Target::Custom(key, propose::type_of(profile, name)),
                    Why::OwnField,
                )
            }
            None => self.other(position, name, QuestionKind::Unknown, decisions),
        }
    }

    fn makes_fields(&self) -> bool {
        !self.options.file.fields_from.is_empty() || is_own_export(self.names)
    }

    /// Decides about a column with an unknown name, or whose target another column has.
    fn other(
        &self,
        position: usize,
        name: &str,
        kind: QuestionKind,
        decisions: &mut Decisions,
    ) -> Decision {
        let profile = &self.profiles[position];
        let is_nameless = is_made_up(name);
        if profile.filled == 0 && is_nameless {
            return decided(Target::Nowhere, Why::Empty);
        }
        match self.options.others {
            Some(Others::Ignore) => decided(Target::Nowhere, Why::Others),
            Some(Others::Field) if profile.filled == 0 => decided(Target::Nowhere, Why::Empty),
            Some(Others::Field) => {
                let key = self.key_of(position, name, decisions);
                let existing = self.catalogue.custom_fields.get(&key).copied();
                let custom_type = existing.unwrap_or_else(|| propose::type_of(profile, name));
                decided(Target::Custom(key, custom_type), Why::Others)
            }
            None => {
                let taken =
                    |target: &Target| decisions.is_taken(target) || decisions.is_offered(target);
                let has_email = || {
                    self.names
                        .iter()
                        .any(|name| vocabulary::exact(name) == Some("email"))
                };
                let new_field = || self.new_field(position, name, decisions);
                let (message, changes) = propose::for_unknown(
                    profile, name, position, kind, &taken, &has_email, &new_field,
                );
                decisions.ask(kind, position, message, changes)
            }
        }
    }

    /// Proposes a custom field for a column; under another key if a field of another type has the key of its name.
    fn new_field(&self, position: usize, name: &str, decisions: &Decisions) -> Vec<Change> {
        let profile = &self.profiles[position];
        let key = self.key_of(position, name, decisions);
        let asked = propose::type_of(profile, name);
        let existing = self.catalogue.custom_fields.get(&key);
        let mut changes = propose::field(profile, name, position);
        if existing.is_some_and(|existing| *existing != asked) {
            let free = (1..).map(|number| format!("{key}_{}{number}", asked.as_str()));
            let mut free = free.filter(|key| {
                !self.catalogue.custom_fields.contains_key(key) && !decisions.keys.contains(key)
            });
            let field = free.next().unwrap_or_default();
            let column = propose::call(name, position);
            changes.insert(0, Change::Column { column, field });
        }
        changes
    }

    /// Returns a key for a custom field of a column, which no other column of the file has.
    fn key_of(&self, position: usize, name: &str, decisions: &Decisions) -> String {
        let key = suggest_key(name.strip_prefix(CUSTOM).unwrap_or(name));
        let key = match key.is_empty() {
            true => format!("column_{}", position + 1),
            false => key,
        };
        let mut unique = key.clone();
        let mut number = 1;
        while decisions.keys.contains(&unique) {
            number += 1;
            let end = format!("_{number}");
            let start: String = key.chars().take(63 - end.len()).collect();
            unique = format!("{start}{end}");
        }
        unique
    }
}
