//! What writing the log takes: it does not grow with the rows of a statement.

use super::{NOW, lines, position};
use crate::support::TestApp;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;

const PEOPLE: usize = 20_000;
const FIELDS: usize = 40;
/// The keys of all rows as one text take three times as much.
const MOST: u64 = 64 << 20;

/// Returns a number of a process in bytes: how much memory it has of its own, now or at the most.
#[cfg(target_os = "linux")]
fn memory(pid: i32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let text = line.unwrap_or("0 kB").trim().trim_end_matches(" kB");
        text.parse::<u64>().expect("a number") << 10
    };
    let shared = of("RssShmem:") + of("RssFile:");
    (of("RssAnon:"), of("VmHWM:").saturating_sub(shared))
}

#[test]
#[cfg(target_os = "linux")]
fn custom_fields_of_many_rows_take_no_more_memory_than_those_of_one() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }
    let app = TestApp::at(NOW);
    let keys: Vec<String> = (0..FIELDS)
        .map(|number| {
            format!("a_key_that_is_as_long_as_people_make_them_when_they_name_things_{number}")
        })
        .collect();
    let object = |value: &str| {
        let members = keys.iter().map(|key| format!("'{key}', {value}"));
        format!(
            "jsonb_build_object({})",
            members.collect::<Vec<_>>().join(", ")
        )
    };
    app.database.execute(&format!(
        "INSERT INTO subscribers (email, custom, created_at, updated_at) \
         SELECT n || '@example.com', {}, now(), now() FROM generate_series(1, {PEOPLE}) n",
        object("0")
    ));
    let mut after = position(&app);
    let mut connection = app.database.connect();
    let Row { pid } = diesel::sql_query("SELECT pg_backend_pid() AS pid")
        .get_result(&mut connection)
        .expect("a process");
    let (before, _) = memory(pid);
    connection
        .batch_execute(&format!("UPDATE subscribers SET custom = {}", object("id")))
        .expect("an update");
    let (_, most) = memory(pid);
    assert!(most - before < MOST, "{} bytes", most - before);
    let told = lines(&app, &mut after);
    let names: Vec<String> = {
        let mut keys = keys.clone();
        keys.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        keys.iter().map(|key| format!("custom.{key}")).collect()
    };
    let expected = format!("SUBSCRIBER_UPDATED ({}):", names.join(" "));
    assert!(told[0].starts_with(&expected), "{}", &told[0][..200]);
}

#[test]
fn each_row_adds_the_fields_that_changed_in_it() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, custom, created_at, updated_at) \
         SELECT n || '@example.com', '{\"kept\": 1, \"gone\": 1}', now(), now() FROM generate_series(1, 5) n",
    );
    let mut after = position(&app);
    app.database.execute(
        "UPDATE subscribers SET custom = CASE id WHEN 1 THEN '{\"kept\": 1}' WHEN 2 THEN '{\"kept\": 1, \"gone\": 1, \"new\": 2}' \
         WHEN 3 THEN '{\"kept\": 1, \"gone\": 1}' ELSE custom END",
    );
    assert_eq!(
        lines(&app, &mut after),
        ["SUBSCRIBER_UPDATED (custom.new custom.gone): 1 2"]
    );
}
