//! Lists as people have them: files in the form of what real programs export. Each folder of `tests/cases/import` holds
//! a file, what should happen (README.md) and what does: the analysis, the report and the people, first without a single
//! option, then with the options that the analysis proposes.

use crate::support::TestApp;
use rollcall::import::{
    Analysis, Change, EventImport, Import, ImportOptions, ImportState, SubscriberImport, create_to,
    get, problems_csv, start, try_run,
};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const NOW: &str = "2026-11-01T09:30:00Z";

/// Cases that are about events. Their people are known before.
const EVENTS: [(&str, &[&str]); 2] = [
    (
        "80-shopify-orders",
        &["koper@example.com", "ona@example.com"],
    ),
    (
        "81-stripe-payments",
        &["elena@example.com", "john@example.com"],
    ),
];

/// Subscribers who opted out, bounced, complained or never agreed, by case: none of them may come in as subscribed.
const NOT_SUBSCRIBED: [(&str, &[&str]); 16] = [
    ("02-mailchimp-unsubscribed", &["gone@example.com"]),
    ("05-klaviyo", &["never@example.com", "gone@example.com"]),
    ("07-shopify-customers", &["hollis@example.org"]),
    (
        "10-activecampaign",
        &["alice@example.com", "carl@example.com", "dora@example.com"],
    ),
    ("103-dup-consent", &["a@example.com"]),
    ("111-zip-of-semicolon-preset", &["b@example.com"]),
    ("119-pipedrive", &["jo@example.com"]),
    ("12-substack", &["carol@example.com"]),
    ("14-ghost", &["bob@example.com"]),
    (
        "16-kit",
        &[
            "lee@example.com",
            "moe@example.com",
            "ned@example.com",
            "oli@example.com",
        ],
    ),
    ("17-listmonk", &["gone@example.com", "dis@example.com"]),
    ("18-mautic", &["jo@example.com"]),
    ("28-mailpoet", &["unc@example.com", "ina@example.com"]),
    ("41-booleans", &["b@example.com", "d@example.com"]),
    ("66-moosend", &["gone@example.com"]),
    ("80-shopify-orders", &[]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/import")
}

pub(super) fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 65, "{cases:?}");
    cases
}

/// The file of a case and its name.
pub(super) fn input(case: &Path) -> (String, Vec<u8>) {
    let mut files = std::fs::read_dir(case)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let file = files.find(|file| file.file_stem().is_some_and(|stem| stem == "input"));
    let file = file.expect("a file");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    (name, std::fs::read(&file).expect("a file"))
}

pub(super) fn name_of(case: &Path) -> String {
    case.file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

fn app_for(case: &str) -> (TestApp, ImportOptions) {
    let app = TestApp::at(NOW);
    match EVENTS.iter().find(|(name, _)| *name == case) {
        Some((_, people)) => {
            for email in *people {
                app.subscriber(email, json!({}));
            }
            (app, ImportOptions::Events(EventImport::default()))
        }
        None => (app, ImportOptions::Subscribers(SubscriberImport::default())),
    }
}

/// Imports a file as far as it goes; returns the import and why it failed.
fn import_as(
    app: &TestApp,
    options: &ImportOptions,
    name: &str,
    bytes: &[u8],
) -> (Import, Option<String>) {
    let file = app.app.imports.spool.store(bytes).expect("a spool");
    let now = app.clock.now();
    let made = app
        .db()
        .run_here(|connection| create_to(connection, options, name, Some(&file), false, now))
        .expect("an import");
    let ran = try_run(app.db(), made.id, &app.app.imports, |_| {});
    let failure = ran.err().map(|error| error.to_string());
    let import = app.db().run_here(|connection| get(connection, made.id));
    (import.expect("an import"), failure)
}

/// The options that an analysis proposes.
fn accepted(options: &ImportOptions, analysis: &Analysis) -> ImportOptions {
    let mut options = options.clone();
    if let ImportOptions::Subscribers(options) = &mut options {
        analysis
            .proposal
            .iter()
            .for_each(|change| change.apply(options));
    }
    options
}

fn write_analysis(text: &mut String, analysis: &Analysis) {
    let _ = writeln!(
        text,
        "{} rows, {} malformed",
        analysis.rows, analysis.malformed
    );
    if let Some(recognised) = &analysis.recognised {
        let _ = writeln!(text, "recognised: {recognised}");
    }
    let shown = 40;
    for column in analysis.columns.iter().take(shown) {
        let target = column.target.as_deref().unwrap_or("-");
        let _ = write!(text, "  {} -> {target} ({})", column.name, column.why);
        if column.unread > 0 {
            let _ = write!(
                text,
                "; unread {}: {:?}",
                column.unread, column.unread_values
            );
        }
        if let Some(mend) = &column.mend {
            let _ = write!(text, "; {} reads {}", mend.as_input(), column.mended);
        }
        text.push('\n');
    }
    if analysis.columns.len() > shown {
        let _ = writeln!(text, "  and {} more", analysis.columns.len() - shown);
    }
    for question in analysis
        .questions
        .iter()
        .take(shown)
        .filter(|question| question.column.is_none())
    {
        let _ = writeln!(text, "  ? {}", question.message);
    }
    let proposal: Vec<String> = analysis.proposal.iter().map(Change::as_input).collect();
    if !proposal.is_empty() {
        let _ = writeln!(text, "proposal:\n  {}", proposal.join("\n  "));
    }
}

fn write_result(text: &mut String, app: &TestApp, import: &Import, failure: Option<&str>) {
    if let Some(failure) = failure {
        let _ = writeln!(
            text,
            "failed: {}",
            failure.replace("; header: ", "\n  header: ")
        );
    }
    let counts = import.counts.as_object().expect("an object").iter();
    let counts: Vec<String> = counts
        .filter(|(_, count)| **count != json!(0))
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let _ = writeln!(text, "{}: {}", import.state().as_str(), counts.join(", "));
    let problems = app
        .db()
        .run_here(|connection| problems_csv(connection, import.id, None));
    let problems = problems
        .expect("problems")
        .expect("a header at least")
        .0
        .replace('\r', "");
    if problems.lines().count() > 1 {
        text.push_str(&problems);
    }
    let people = app.database.ask(
        "SELECT string_agg(concat_ws(' | ', email, status, first_name, last_name, phone, country, region, city, postal_code, \
             latitude, longitude, language, timezone, birthday, source, 'created ' || created_at::text, \
             'subscribed ' || subscribed_at::text, 'left ' || unsubscribed_at::text, \
             (SELECT 'because ' || min(reason) FROM status_changes c WHERE c.subscriber_id = s.id), nullif(custom::text, '{}')), \
             E'\\n' ORDER BY email) FROM subscribers s",
    );
    let _ = writeln!(text, "{people}");
    let groups = app.database.ask(
        "SELECT string_agg(g.key || ': ' || s.email, E'\\n' ORDER BY g.key, s.email) FROM group_memberships m \
             JOIN groups g ON g.id = m.group_id JOIN subscribers s ON s.id = m.subscriber_id",
    );
    if !groups.is_empty() {
        let _ = writeln!(text, "groups:\n{groups}");
    }
    let events = app.database.ask(
        "SELECT string_agg(concat_ws(' | ', s.email, e.name, e.occurred_at, e.value, e.dedupe_key, nullif(e.properties::text, '{}')), \
             E'\\n' ORDER BY e.id) FROM events e JOIN subscribers s ON s.id = e.subscriber_id",
    );
    if !events.is_empty() {
        let _ = writeln!(text, "events:\n{events}");
    }
}

#[track_caller]
fn assert_nobody_is_subscribed_who_left(app: &TestApp, case: &str) {
    let left = NOT_SUBSCRIBED.iter().find(|(name, _)| *name == case);
    for email in left.map(|(_, emails)| *emails).unwrap_or_default() {
        let status = app.database.ask(&format!(
            "SELECT coalesce((SELECT status FROM subscribers WHERE email = '{email}'), 'nobody')"
        ));
        assert_ne!(status, "subscribed", "{case}: {email}");
    }
}

#[test]
fn every_case_comes_out_as_its_readme_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for case in cases() {
        let case_name = name_of(&case);
        let (name, bytes) = input(&case);
        let (app, options) = app_for(&case_name);
        let mut text = String::from("# without an option\n");
        let (import, failure) = import_as(&app, &options, &name, &bytes);
        let analysis = import.analysis().unwrap_or_default();
        write_analysis(&mut text, &analysis);
        write_result(&mut text, &app, &import, failure.as_deref());
        assert_nobody_is_subscribed_who_left(&app, &case_name);
        if !analysis.questions.is_empty() {
            assert_eq!(
                app.database.ask("SELECT count(*) FROM custom_fields"),
                "0",
                "nothing is written"
            );
            assert_eq!(import.state(), ImportState::Failed);
        }
        if !analysis.proposal.is_empty() {
            text.push_str("\n# as proposed\n");
            let (app, _) = app_for(&case_name);
            let (import, failure) = import_as(&app, &accepted(&options, &analysis), &name, &bytes);
            let analysis = import.analysis().unwrap_or_default();
            assert!(
                analysis.questions.is_empty(),
                "{case_name}: {:?}",
                analysis.questions
            );
            write_analysis(&mut text, &analysis);
            write_result(&mut text, &app, &import, failure.as_deref());
            assert_nobody_is_subscribed_who_left(&app, &case_name);
        }
        settings.set_snapshot_path(&case);
        settings.bind(|| insta::assert_snapshot!("outcome", text));
    }
}

/// Cases whose README says that they should just work.
#[test]
fn what_should_just_work_does() {
    for case in [
        "30-keila-excel",
        "32-excel-unicode-text",
        "33-excel-sep-line",
        "61-mac-zip",
        "70-pipe",
        "104-header-spaces",
        "109-sep-comma-spaces",
        "113-uk",
        "107-unix-time",
        "91-idn-twice",
        "49-no-header-emails",
        "39-countries",
        "116-time-forms",
        "103-dup-consent",
    ] {
        let (app, options) = app_for(case);
        let (name, bytes) = input(&folder().join(case));
        let (import, failure) = import_as(&app, &options, &name, &bytes);
        assert_eq!(failure, None, "{case}");
        assert_eq!(import.state(), ImportState::Succeeded, "{case}");
    }
}

/// What is open is answered with one word, and the same file is imported then.
#[test]
fn a_proposal_is_accepted_with_one_word() {
    let case = folder().join("02-mailchimp-unsubscribed");
    let (name, bytes) = input(&case);
    let app = TestApp::at(NOW);
    let options = ImportOptions::Subscribers(SubscriberImport::default());
    let (import, failure) = import_as(&app, &options, &name, &bytes);
    assert!(failure.is_some());
    let started = app
        .db()
        .run_here(|connection| start(connection, import.id, None, true));
    assert_eq!(
        started.expect("it can be started").state(),
        ImportState::Ready
    );
    let done = try_run(app.db(), import.id, &app.app.imports, |_| {}).expect("an import");
    assert_eq!(
        done.expect("no other import").state(),
        ImportState::Succeeded
    );
    assert_eq!(
        app.database
            .ask("SELECT concat_ws(' ', email, status, unsubscribed_at) FROM subscribers"),
        "gone@example.com unsubscribed 2024-02-03 04:05:06+00"
    );
    assert_eq!(
        app.database
            .ask("SELECT concat_ws(' ', to_status, reason) FROM status_changes"),
        "unsubscribed No longer interested"
    );
    // An import that has ended is not started again.
    let again = app
        .db()
        .run_here(|connection| start(connection, import.id, None, true));
    assert!(again.is_err());
}
