//! A statement that changes one row is noted in another way than one that changes many: both must tell the same.

use super::NOW;
use crate::support::TestApp;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use rollcall::changes::settle;

/// Changes of a row, each another kind.
const CHANGES: [&str; 19] = [
    "email = 'new-' || email",
    "first_name = 'New'",
    "last_name = NULL",
    "phone = '1'",
    "country = 'LT'",
    "region = 'New'",
    "city = 'New'",
    "postal_code = '1'",
    "latitude = 3",
    "latitude = NULL, longitude = NULL",
    "language = 'lt', timezone = 'Europe/Vilnius'",
    "birthday = '2000-01-01'",
    "source = 'new', created_at = created_at - interval '1 day'",
    "custom = '{\"a\": 2, \"c\": [\"x\"]}'",
    "custom = '{}', city = 'Newer'",
    "updated_at = updated_at + interval '1 day'",
    "subscribed_at = now(), unsubscribed_at = now(), updated_at = now()",
    "status = 'unsubscribed', unsubscribed_at = now(), updated_at = now(), custom = custom || '{\"b\": 1}'",
    "status = status",
];

#[derive(QueryableByName, Debug, PartialEq)]
struct Told {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    fields: Option<Vec<String>>,
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Count {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn list_told(connection: &mut PgConnection) -> Vec<Told> {
    assert!(settle(connection).expect("done"));
    let told = diesel::sql_query("SELECT kind, fields FROM changes ORDER BY seq").load(connection);
    connection
        .batch_execute("DELETE FROM changes")
        .expect("done");
    told.expect("done")
}

/// Adds as many people, applies each change to all of them in one statement, and returns what is told of each, and the
/// counts by status.
fn tell(people: usize) -> (Vec<Vec<Told>>, Vec<Count>) {
    let app = TestApp::at(NOW);
    let mut connection = app.database.connect();
    let insert = format!(
        "INSERT INTO subscribers (email, last_name, latitude, longitude, custom, created_at, updated_at) \
         SELECT n || '@example.com', 'Old', 1, 2, '{{\"a\": 1, \"b\": 2}}', now(), now() \
         FROM generate_series(1, {people}) AS n"
    );
    connection.batch_execute(&insert).expect("done");
    list_told(&mut connection);
    let told = CHANGES.map(|change| {
        connection
            .batch_execute(&format!("UPDATE subscribers SET {change}"))
            .expect("done");
        list_told(&mut connection)
    });
    let counts = diesel::sql_query(
        "SELECT status, (sum(count) / (SELECT count(*) FROM subscribers))::bigint AS count FROM subscriber_counts \
         GROUP BY status ORDER BY status",
    );
    (told.into(), counts.load(&mut connection).expect("done"))
}

#[test]
fn one_changed_row_is_told_as_many_are() {
    let (of_one, counts_of_one) = tell(1);
    let (of_many, counts_of_many) = tell(3);
    for (change, (one, many)) in CHANGES.iter().zip(of_one.iter().zip(&of_many)) {
        assert_eq!(one, many, "{change}");
    }
    assert_eq!(counts_of_one, counts_of_many);
    assert!(of_one.iter().flatten().count() >= CHANGES.len() - 1);
}

#[test]
fn every_column_is_changed_here() {
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let app = TestApp::at(NOW);
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT column_name::text AS name FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name = 'subscribers' AND column_name NOT IN ('id', 'version')",
    )
    .load(&mut app.database.connect())
    .expect("columns");
    assert!(columns.len() >= 20);
    for Column { name } in columns {
        let is_set = |change: &&str| {
            let mut set = change.split(", ");
            set.any(|set| set.split(" = ").next() == Some(&name))
        };
        assert!(CHANGES.iter().any(is_set), "add a change of {name}");
    }
}
