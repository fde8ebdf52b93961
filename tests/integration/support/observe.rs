//! Looking at a database from beside the application: questions in SQL, locks that make it wait, cut connections.

use super::TestDatabase;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use std::time::{Duration, Instant};

/// Locks that a test holds to make the application wait at a known place; dropped, they are released.
pub struct Held {
    /// The connection that holds them, in an open transaction.
    pub connection: PgConnection,
}

impl Held {
    /// Commits what the test did in the transaction of the locks, and releases them.
    pub fn commit(mut self) {
        let committed = AnsiTransactionManager::commit_transaction(&mut self.connection);
        committed.expect("the transaction can be committed");
    }
}

impl TestDatabase {
    /// Answers a question of one value as text; a missing value is an empty one.
    #[track_caller]
    pub fn ask(&self, question: &str) -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<Text>)]
            answer: Option<String>,
        }
        let mut asking = self.asking.lock().expect("every question was answered");
        let connection = asking.get_or_insert_with(|| self.connect());
        let row: Row = diesel::sql_query(format!("SELECT ({question})::text AS answer"))
            .get_result(connection)
            .expect("the question can be answered");
        row.answer.unwrap_or_default()
    }

    /// Closes the connection that answers questions, for what wants the database for itself.
    pub fn forget_questions(&self) {
        *self.asking.lock().expect("every question was answered") = None;
    }

    /// Runs statements in a transaction that stays open, with the locks that they take.
    pub fn hold(&self, sql: &str) -> Held {
        let mut connection = self.connect();
        let begun = AnsiTransactionManager::begin_transaction(&mut connection);
        begun.expect("a transaction");
        connection
            .batch_execute(sql)
            .expect("the locks can be taken");
        Held { connection }
    }

    /// Makes every refresh wait when it has evaluated everything and is about to write.
    pub fn hold_writing(&self) -> Held {
        self.hold("SELECT pg_advisory_xact_lock(hashtextextended('rollcall members ' || current_schema(), 0))")
    }

    /// Makes every refresh wait when it has written the members and is about to write its totals.
    pub fn hold_totals(&self) -> Held {
        self.hold("LOCK TABLE segment_refreshes IN SHARE MODE")
    }

    /// Makes every import, and every undoing of one, wait for its turn, as while another import runs.
    pub fn hold_imports(&self) -> Held {
        self.hold("SELECT pg_advisory_xact_lock(hashtextextended('rollcall import ' || current_schema(), 0))")
    }

    /// Waits until at least that many connections of the application, in this process or others, wait for a lock.
    #[track_caller]
    pub fn wait_for_waiting(&self, count: usize) {
        let waiting = format!(
            "SELECT count(*) >= {count} FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'",
            self.is_ours()
        );
        eventually("the application waits for a lock", || {
            self.ask(&waiting) == "true"
        });
    }

    /// Cuts every connection of the application, as a restart of the database would.
    #[track_caller]
    pub fn cut(&self) {
        // The second argument is how long to wait for their end.
        let cut = format!(
            "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE {}",
            self.is_ours()
        );
        assert_ne!(self.ask(&cut), "0", "there are connections to cut");
    }

    /// Waits until the database has noticed that other processes have ended.
    #[track_caller]
    pub fn wait_for_end_of_processes(&self) {
        let connected = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}-process'",
            self.name()
        );
        eventually("the connections end", || self.ask(&connected) == "0");
    }

    fn is_ours(&self) -> String {
        let name = self.name();
        format!("application_name IN ('{name}', '{name}-process')")
    }
}

/// Waits until something holds, and fails when it does not in time.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
