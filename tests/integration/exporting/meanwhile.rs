//! An export shows one moment, even if people are edited while it runs.

use super::NOW;
use crate::support::TestApp;
use rollcall::export::{Content, ExportError, ExportRequest, prepare};
use std::io::{self, Write};

/// More than one page, and of each segment more than one chunk of ids.
const PEOPLE: usize = 20_000;
/// More than one page, where nothing is told by chunks of ids.
const FEW: usize = 9_000;

fn audience(people: usize) -> TestApp {
    let app = TestApp::at(NOW);
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, country, city, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'LT', 'before', now(), now() FROM generate_series(1, {people}) n; \
         INSERT INTO groups (key, name, created_at, updated_at) VALUES ('all', 'all', now(), now()); \
         INSERT INTO group_memberships SELECT 1, id, now(), 'api' FROM subscribers; \
         INSERT INTO events (subscriber_id, name, occurred_at) SELECT id, 'visit', now() FROM subscribers"
    ));
    app
}

/// Calls back when so many bytes were written for the first time.
struct Interrupted<'a> {
    text: Vec<u8>,
    at: usize,
    interrupt: Option<Box<dyn FnOnce() + 'a>>,
}

impl Write for Interrupted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() > self.at
            && let Some(interrupt) = self.interrupt.take()
        {
            interrupt();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn edits_while_an_export_runs_are_not_in_it() {
    for (content, people) in [
        (Content::Subscribers, FEW),
        (
            Content::Group {
                key: "all".to_owned(),
            },
            FEW,
        ),
        (
            Content::Segment {
                key: "everyone".to_owned(),
                as_of: None,
            },
            PEOPLE,
        ),
        (
            Content::Rule(
                serde_json::json!({"text": {"field": "city", "is": {"equals": "before"}}}),
            ),
            PEOPLE,
        ),
        (Content::Memberships, PEOPLE),
        (Content::Events, FEW),
    ] {
        let app = audience(people);
        app.segment("everyone", serde_json::json!({"everyone": true}));
        app.refresh();
        let request = ExportRequest::of(content);
        let undisturbed = super::export(&app, &request);
        assert!(undisturbed.lines().count() > people, "{request:?}");
        let mut sink = Interrupted {
            text: Vec::new(),
            at: undisturbed.len() / 3,
            interrupt: Some(Box::new(|| {
                app.database.execute(
                    "UPDATE subscribers SET city = 'after', status = 'unsubscribed'; \
                     DELETE FROM group_memberships WHERE subscriber_id % 3 = 0; \
                     DELETE FROM events WHERE subscriber_id % 3 = 0; \
                     DELETE FROM subscribers WHERE id % 2 = 0; \
                     INSERT INTO subscribers (email, created_at, updated_at) SELECT 'new' || n || '@example.com', now(), now() FROM generate_series(1, 100) n",
                );
                app.refresh();
            })),
        };
        let export =
            prepare(app.db(), &request, &app.app.refresh, &app.entry()).expect("an export");
        let rows = export.write(&mut sink, |_| {}).expect("it can be written");
        assert!(sink.interrupt.is_none(), "there were edits");
        let text = String::from_utf8(sink.text).expect("UTF-8");
        assert_eq!(rows as usize, text.lines().count() - 1);
        assert!(text == undisturbed, "{request:?} is not of one moment");
        // And afterwards it is another.
        assert_ne!(super::export(&app, &request).len(), text.len());
    }
}

#[test]
fn progress_grows_from_page_to_page_up_to_the_end() {
    let app = audience(PEOPLE);
    for content in [Content::Subscribers, Content::Memberships, Content::Events] {
        let export = prepare(
            app.db(),
            &ExportRequest::of(content),
            &app.app.refresh,
            &app.entry(),
        )
        .expect("an export");
        let mut seen = Vec::new();
        let rows = export
            .write(io::sink(), |progress| seen.push(progress))
            .expect("it can be written");
        assert!(seen.len() >= 4, "{seen:?}");
        assert!(
            seen.windows(2)
                .all(|pair| pair[0].share <= pair[1].share && pair[0].rows <= pair[1].rows),
            "{seen:?}"
        );
        let last = seen.last().expect("the last");
        assert_eq!((last.rows, rows), (PEOPLE as u64, PEOPLE as u64));
        assert!(last.share > 0.9 && last.share <= 1.0, "{seen:?}");
    }
}

/// Takes nothing.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_export_that_cannot_be_written_ends_and_lets_go_of_its_snapshot() {
    let app = audience(PEOPLE);
    let export = prepare(
        app.db(),
        &ExportRequest::of(Content::Subscribers),
        &app.app.refresh,
        &app.entry(),
    )
    .expect("an export");
    let error = export
        .write(Full, |_| {})
        .expect_err("nothing can be written");
    assert!(matches!(error, ExportError::Write(_)), "{error}");
    crate::support::eventually("the snapshot is gone", || {
        app.database.ask(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND xact_start IS NOT NULL",
            app.database.name()
        )) == "0"
    });
}
