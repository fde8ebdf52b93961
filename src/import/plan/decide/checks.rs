//! Checks of all columns together: constants, options for columns, the address, words of status, and files that list
//! people who opted out, bounced or complained.

use super::*;

impl Decider<'_> {
    /// Reads the constants of `set`.
    pub(super) fn read_constants(&self, decisions: &mut Decisions) {
        for (field, value) in &self.options.set {
            let problem = |code, message| InputProblem::new(code, "set", message);
            let custom = field.strip_prefix(CUSTOM);
            let key = custom.unwrap_or(field);
            let builtin = Target::builtin(field).filter(|_| custom.is_none());
            let existing = self.catalogue.custom_fields.get(key);
            let target = builtin
                .or(existing.map(|custom_type| Target::Custom(key.to_owned(), *custom_type)));
            let Some(target) = target else {
                let message = format!(
                    "expected a built-in field or a custom field that exists, found \"{field}\""
                );
                let hint = nearest(field, Target::names());
                decisions
                    .problems
                    .push(problem(InputCode::NotFound, message).with_hint(hint));
                continue;
            };
            match check_constant(&target, value) {
                Ok(value) => decisions.constants.push((target, value)),
                Err(message) => decisions
                    .problems
                    .push(problem(InputCode::Invalid, message)),
            }
        }
    }

    /// Reports options about columns that do not exist.
    pub(super) fn check_said(&self, decisions: &mut Decisions) {
        let options = self.options;
        let said = options.columns.iter().map(|(column, _)| column);
        let said = said.chain(options.fields.iter().map(|(column, _)| column));
        let said = said.chain(options.date_formats.iter().map(|(column, _)| column));
        for said in said
            .chain(&options.decimal_commas)
            .chain(&options.decimal_points)
        {
            let mut names = self.names.iter().enumerate();
            if names.any(|(position, name)| is_column(said, name, position)) {
                continue;
            }
            let message =
                format!("an option names the column \"{said}\", but the file has no such column");
            let hint = nearest(said, self.names.iter().map(String::as_str));
            let problem = InputProblem::new(InputCode::Missing, "header", message);
            decisions.problems.push(problem.with_hint(hint));
        }
    }

    /// Asks which column has the addresses, if no column goes to `email`. If no column has a known name or a target, the
    /// first line is not a header, and this is the only question.
    pub(super) fn check_email(&self, decisions: &mut Decisions) {
        let email = Target::Builtin("email");
        if decisions.is_taken(&email) {
            return;
        }
        let offers = |question: &Question| {
            let mut changes = question.changes.iter();
            changes.any(|change| matches!(change, Change::Column { field, .. } if field == "email"))
        };
        if decisions.questions.iter().any(offers) {
            return;
        }
        let is_header = self
            .names
            .iter()
            .any(|name| vocabulary::exact(name).is_some());
        if !is_header
            && decisions
                .columns
                .iter()
                .all(|decision| decision.target == Target::Nowhere)
        {
            decisions.questions.clear();
        }
        let problem = missing_column("email", self.names, self.delimiter);
        decisions.questions.push(Question {
            kind: QuestionKind::NoEmail,
            column: None,
            message: problem
                .to_string()
                .trim_start_matches("header: ")
                .to_owned(),
            changes: Vec::new(),
        });
    }

    /// Requires every word of a status column to be understood: a person must not become subscribed by an unknown word.
    pub(super) fn check_status_words(&self, decisions: &mut Decisions) {
        for position in 0..self.names.len() {
            if decisions.columns[position].target != Target::Builtin("status") {
                continue;
            }
            let preset = self.options.from.as_deref().and_then(Preset::find);
            let mut statuses = self.options.statuses.clone();
            let recorded = preset.map(|preset| preset.statuses).unwrap_or_default();
            statuses.extend(
                recorded
                    .iter()
                    .map(|(word, status)| ((*word).to_owned(), *status)),
            );
            let words = StatusWords::of(&self.profiles[position], &statuses);
            if words.are_too_many() {
                let name = self.names[position].trim();
                let message = format!(
                    "column \"{name}\" cannot be the status: it has too many different values"
                );
                decisions
                    .problems
                    .push(InputProblem::new(InputCode::Invalid, "header", message));
            } else if !words.is_understood() {
                decisions.questions.push(Question {
                    kind: QuestionKind::StatusWords,
                    column: Some(position),
                    message: format!(
                        "has values that are not known as a status: {}",
                        words.shown_unknown()
                    ),
                    changes: words.say_unknown(),
                });
            }
        }
    }

    /// Asks for the status of people if the file seems to list people who opted out, bounced or complained: because
    /// most rows say when or why, or because the file is named so. They must not become subscribed.
    pub(super) fn check_left(&self, decisions: &mut Decisions) {
        let is_said = decisions
            .constants
            .iter()
            .any(|(target, _)| *target == Target::Builtin("status"));
        let decides = |decision: &Decision| {
            let is_time = decision.target == Target::Consent(ConsentTarget::UnsubscribedAt);
            decision.target.decides_consent() && !is_time
        };
        if is_said || decisions.columns.iter().any(decides) {
            return;
        }
        let mut found: Option<(Status, String)> = None;
        for (position, name) in self.names.iter().enumerate() {
            let decision = &decisions.columns[position];
            let is_ignored = decision.why == Why::Said && decision.target == Target::Nowhere;
            let Some(status) = read_header(name)
                .and_then(propose::left_status)
                .filter(|_| !is_ignored)
            else {
                continue;
            };
            let profile = &self.profiles[position];
            let rows = profile.filled + profile.empty;
            let share = profile.filled as f64 / rows.max(1) as f64;
            let is_settled = decision.target == Target::Consent(ConsentTarget::UnsubscribedAt);
            if is_settled && profile.empty == 0 {
                return;
            }
            if share >= MOST && found.is_none() {
                let message = format!(
                    "{} of {rows} rows have \"{}\": the file lists people who {}",
                    profile.filled,
                    name.trim(),
                    status.as_str()
                );
                found = Some((status, message));
            }
        }
        let by_name = || {
            let is_refused = self
                .names
                .first()
                .is_some_and(|name| name == REFUSED_BECAUSE);
            // The import refused these rows; the word does not mean that people refused.
            let name = match is_refused {
                true => self.file_name.rsplit_once(".refused")?.0,
                false => self.file_name,
            };
            let status = read_file_name(name)?;
            Some((
                status,
                format!(
                    "the name of the file says that it lists people who {}",
                    status.as_str()
                ),
            ))
        };
        if let Some((status, message)) = found.or_else(by_name) {
            decisions.questions.push(Question {
                kind: QuestionKind::AboutLeft,
                column: None,
                message,
                changes: vec![Change::Set {
                    field: "status".to_owned(),
                    value: status.as_str().to_owned(),
                }],
            });
        }
    }
}

/// Returns the value of a constant in the form of a cell. Fails if the target cannot have the value.
fn check_constant(target: &Target, value: &str) -> Result<String, String> {
    let refused = |what: &str| Err(format!("expected {what}, found \"{value}\""));
    match target {
        Target::Builtin("email") => refused("a field that several subscribers can share"),
        Target::Builtin("status") => {
            let word = read_word(value).filter(|word| word.is_certain);
            match Status::parse(value.trim()).or(word.map(|word| word.status)) {
                Some(status) => Ok(status.as_str().to_owned()),
                None => {
                    refused("a status (subscribed, unsubscribed, bounced, complained, pending)")
                }
            }
        }
        target => match target.kind() {
            Some(kind) => match read_cell(kind, value, &plain_format()) {
                CellOutcome::Bad(bad) => Err(bad.reason),
                CellOutcome::Nothing => refused("a value"),
                _ => Ok(value.to_owned()),
            },
            None => refused(
                "a built-in field, status_reason, subscribed_at, unsubscribed_at or a custom field",
            ),
        },
    }
}
