//! The log: its format, what a line about a request has, and what no line has.

use crate::keys::create_key;
use crate::support::{Server, TestDatabase, eventually, rollcall};
use serde_json::{Value, json};

/// Starts a server that logs objects.
fn server(database: &TestDatabase, level: &str) -> Server {
    let mut command = rollcall(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command
        .args(["--database-url", &database.url])
        .env("ROLLCALL_LOG", level);
    Server::spawn(&mut command)
}

fn lines(server: &Server) -> Vec<Value> {
    let logged = server.logged();
    let lines = logged.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

const ADD: &str = "mutation ($email: String!) { upsertSubscriber(input: {email: $email}) { userErrors { message } } }";

#[test]
fn a_line_about_a_request_has_its_id_key_and_duration() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["shop", "--scope", "read", "--scope", "write"]);
    let server = server(&database, "rollcall=info,rollcall::requests=debug");
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("x-request-id", "mine")];
    server.post_as(&headers, ADD, json!({ "email": "ona@example.com" }));
    let found = || {
        lines(&server)
            .into_iter()
            .find(|line| line["span"]["id"] == "mine")
    };
    eventually("the request is logged", || found().is_some());
    let line = found().expect("a line");
    assert_eq!(line["span"]["key"], json!(&key[..12]), "{line}");
    assert_eq!(line["target"], "rollcall::requests");
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&json!("POST"), &json!("/graphql"), &json!(200))
    );
    assert!(
        line["milliseconds"].as_f64().is_some_and(|took| took > 0.0),
        "{line}"
    );
    let logged = server.logged();
    assert!(!logged.contains(&key), "{logged}");
}

#[test]
fn no_address_is_logged_above_the_level_of_debugging() {
    let database = TestDatabase::new();
    // The database itself speaks of addresses.
    database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'no place for %', NEW.email; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON subscribers FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let server = server(&database, "rollcall=info");
    let address = "ona.petraite+x@example.com";
    let (_, body) = server.post(ADD, json!({ "email": address }));
    assert_eq!(
        body["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR",
        "{body}"
    );
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!(
        "http://{}/export/person?email=ona.petraite%2Bx%40example.com",
        server.address
    );
    agent.get(url).call().expect("an answer");
    let is_logged = || {
        lines(&server)
            .iter()
            .any(|line| line.to_string().contains("no place for"))
    };
    eventually("the failure is logged", is_logged);
    let logged = server.logged();
    assert!(logged.contains("no place for <e-mail>"), "{logged}");
    assert!(!logged.contains("petraite"), "{logged}");
}
