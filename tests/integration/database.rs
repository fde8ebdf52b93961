//! The tables: generated code, migrations both ways, comments and plain SQL access.

use crate::support::{TestApp, TestDatabase};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use rollcall::db::{list_pending_migrations, migrate, revert_all_migrations, statement};
use rollcall::error::Error;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    udt_name: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

/// Returns the columns of every table, as the database has them and diesel names them.
fn columns_of_database(database: &TestDatabase) -> BTreeMap<String, Vec<String>> {
    let rows: Vec<ColumnRow> = database
        .db
        .run_here(|connection| {
            Ok(diesel::sql_query(
                "SELECT c.table_name::text, c.column_name::text, c.udt_name::text, c.is_nullable = 'YES' AS is_nullable \
                 FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) \
                 WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
                 AND c.table_name <> '__diesel_schema_migrations' ORDER BY c.table_name, c.ordinal_position",
            )
            .load(connection)?)
        })
        .expect("the catalogue can be read");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let sql_type = match row.udt_name.as_str() {
            "int8" => "Int8",
            "int4" => "Int4",
            "text" => "Text",
            "jsonb" => "Jsonb",
            "float8" => "Float8",
            "timestamptz" => "Timestamptz",
            "date" => "Date",
            "bytea" => "Bytea",
            "numeric" => "Numeric",
            "bool" => "Bool",
            "_text" => "Array<Nullable<Text>>",
            "_int8" => "Array<Nullable<Int8>>",
            other => panic!("a type that this test does not know: {other}"),
        };
        let sql_type = if row.is_nullable {
            format!("Nullable<{sql_type}>")
        } else {
            sql_type.to_owned()
        };
        let column = format!("{} -> {sql_type}", row.column_name);
        tables.entry(row.table_name).or_default().push(column);
    }
    tables
}

/// Returns the columns of every table in `src/db/schema.rs`.
fn columns_of_schema_rs() -> BTreeMap<String, Vec<String>> {
    let text = include_str!("../../src/db/schema.rs");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for block in text.split("diesel::table! {").skip(1) {
        let mut table = String::new();
        let mut sql_name = None;
        for line in block.lines().map(str::trim) {
            if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
                table = name.to_owned();
            } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
                sql_name = Some(name.trim_end_matches("\"]").to_owned());
            } else if let Some((name, sql_type)) = line.trim_end_matches(',').split_once(" -> ")
                && !line.starts_with("//")
            {
                let name = sql_name.take().unwrap_or_else(|| name.to_owned());
                tables
                    .entry(table.clone())
                    .or_default()
                    .push(format!("{name} -> {sql_type}"));
            } else if line == "}" && !table.is_empty() {
                break;
            }
        }
    }
    tables
}

#[test]
fn schema_rs_is_what_the_migrations_make() {
    let database = TestDatabase::new();
    assert_eq!(
        columns_of_database(&database),
        columns_of_schema_rs(),
        "regenerate it: diesel print-schema > src/db/schema.rs, against a migrated database"
    );
}

#[test]
fn migrations_go_down_and_up_again() {
    let database = TestDatabase::without_tables();
    let applied = database.db.run_here(migrate).expect("up");
    let before = columns_of_database(&database);
    let reverted = database.db.run_here(revert_all_migrations).expect("down");
    assert_eq!(reverted, applied.len());
    assert!(columns_of_database(&database).is_empty());
    database.db.run_here(migrate).expect("up again");
    assert_eq!(columns_of_database(&database), before);
    assert_eq!(
        database.db.run_here(migrate).expect("nothing to do"),
        Vec::<String>::new()
    );
    let pending = database.db.run_here(list_pending_migrations);
    assert!(pending.expect("a list").is_empty());
}

#[test]
fn several_servers_may_migrate_at_once() {
    let database = TestDatabase::without_tables();
    let applied: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| database.db.run_here(migrate).expect("migrations run").len()))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .sum()
    });
    let known = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"));
    let known = known.expect("a folder").count();
    assert_eq!(applied, known, "each migration is applied by one of them");
}

#[test]
fn every_table_and_view_has_a_comment() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let database = TestDatabase::new();
    let bare: Vec<Row> = database
        .db
        .run_here(|connection| {
            Ok(diesel::sql_query(
                "SELECT c.relname::text AS name FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace \
                 AND c.relkind IN ('r', 'v') AND c.relname <> '__diesel_schema_migrations' \
                 AND obj_description(c.oid) IS NULL",
            )
            .load(connection)?)
        })
        .expect("the catalogue can be read");
    let bare: Vec<&str> = bare.iter().map(|row| row.name.as_str()).collect();
    assert!(bare.is_empty(), "without a comment: {bare:?}");
}

#[test]
fn members_can_be_asked_in_plain_sql() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for number in 0..30 {
        let country = if number % 3 == 0 { "LT" } else { "DE" };
        app.subscriber(
            &format!("p{number:02}@example.com"),
            json!({ "country": country }),
        );
    }
    app.group("staff", &["p01@example.com"]);
    app.segment(
        "lithuanians",
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
    );
    app.refresh();
    #[derive(QueryableByName, Debug, PartialEq)]
    struct Row {
        #[diesel(sql_type = Text)]
        answer: String,
    }
    let ask = |sql: &str| -> String {
        let row: Row = app
            .db()
            .run_here(|connection| Ok(diesel::sql_query(sql).get_result(connection)?))
            .expect("the query runs");
        row.answer
    };
    assert_eq!(
        ask(
            "SELECT string_agg(s.email, ' ' ORDER BY s.email) AS answer FROM memberships m \
             JOIN subscribers s ON s.id = m.subscriber_id WHERE m.kind = 'segment' AND s.email < 'p10'"
        ),
        "p00@example.com p03@example.com p06@example.com p09@example.com"
    );
    assert_eq!(
        ask(
            "SELECT count(*) || ' ' || count(*) FILTER (WHERE m.kind = 'group') AS answer FROM memberships m"
        ),
        "11 1"
    );
    assert_eq!(
        ask(
            "SELECT string_agg(segment_has(g.id, s.id)::text, ' ' ORDER BY s.id) AS answer \
             FROM subscribers s, segments g WHERE s.email IN ('p03@example.com', 'p04@example.com')"
        ),
        "true false"
    );
}

/// What people with SQL ask is answered along the indexes, however many segments there are.
#[test]
fn plain_sql_stays_fast() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.database.execute(
        "INSERT INTO segments (key, name, rule, created_at, updated_at) \
         SELECT 's' || n, 'S', '{}', now(), now() FROM generate_series(1, 100) n; \
         INSERT INTO segment_blocks (segment_id, block, members) \
         SELECT s.id, b, set_bit(decode(repeat('00', 1024), 'hex'), s.id % 8192, 1) \
         FROM segments s, generate_series(0, 99) b; ANALYZE segment_blocks",
    );
    let plan = |sql: &str| -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            #[diesel(column_name = "QUERY PLAN")]
            line: String,
        }
        let rows: Vec<Row> = app
            .db()
            .run_here(|connection| {
                // Several workers may read all of so small a table sooner than one of them the rows that are asked for.
                diesel::sql_query("SET max_parallel_workers_per_gather = 0").execute(connection)?;
                Ok(diesel::sql_query(format!("EXPLAIN {sql}")).load(connection)?)
            })
            .expect("a plan");
        let lines: Vec<String> = rows.into_iter().map(|row| row.line).collect();
        lines.join("\n")
    };
    for (sql, index) in [
        (
            "SELECT * FROM segment_memberships WHERE segment_id = 7",
            "segment_blocks_by_segment",
        ),
        ("SELECT * FROM segments_of(8199)", "segment_blocks_pkey"),
    ] {
        let plan = plan(sql);
        assert!(
            plan.contains(index) && !plan.contains("Seq Scan"),
            "{sql}:\n{plan}"
        );
    }
    let of = |id: i64| {
        app.database.ask(&format!(
            "SELECT string_agg(s::text, ' ') FROM segments_of({id}) s"
        ))
    };
    assert_eq!(of(8192 + 7), "7");
    assert_eq!(of(8192 + 101), "");
}

#[test]
fn statements_of_our_own_text_are_planned_once() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        twice: i64,
    }
    let database = TestDatabase::new();
    let ask = |connection: &mut PgConnection, number: i64, more: i64| {
        let row: Row = statement("SELECT $2 + $1 + $1 AS twice")
            .bind::<BigInt, _>(number)
            .bind::<BigInt, _>(more)
            .get_result(connection)?;
        Ok::<_, Error>(row.twice)
    };
    let kept = "SELECT count(*) AS twice FROM pg_prepared_statements WHERE statement LIKE '%$2 + $1 + $1%'";
    let found = database.db.run_here(|connection| {
        let sums = [ask(connection, 1, 5)?, ask(connection, 20, 2)?];
        let kept: Row = diesel::sql_query(kept).get_result(connection)?;
        Ok((sums, kept.twice))
    });
    assert_eq!(found.expect("sums"), ([7, 42], 1));
}

#[test]
fn a_word_that_this_version_does_not_know_is_an_error_and_never_another_word() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    let added = |email: &str| {
        app.query(
            "mutation ($email: String!) { upsertSubscriber(input: {email: $email}) { userErrors { message } } }",
            json!({ "email": email }),
        )
    };
    added("ona@example.com");
    added("jonas@example.com");
    app.database.execute(
        "ALTER TABLE subscribers DROP CONSTRAINT subscribers_status_is_known; \
         UPDATE subscribers SET status = 'paused' WHERE email = 'ona@example.com'",
    );
    let asked = "query ($email: String!) { subscriber(email: $email) { status } }";
    let response = app.respond(asked, json!({ "email": "ona@example.com" }));
    assert_eq!(
        response["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR",
        "{response}"
    );
    assert!(response["data"]["subscriber"].is_null(), "{response}");
    let data = app.query(asked, json!({ "email": "jonas@example.com" }));
    assert_eq!(data["subscriber"]["status"], "SUBSCRIBED");
}
