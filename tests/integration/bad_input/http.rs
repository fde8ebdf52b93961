//! Requests that are none, against the real server.

use crate::support::{Server, TestDatabase};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Sends something and returns the status and the body.
struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    fn new(server: &Server) -> Client {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Client {
            agent: config.build().into(),
            url: format!("http://{}/graphql", server.address),
        }
    }

    fn send(&self, content_type: &str, body: &[u8]) -> (u16, String) {
        let request = self.agent.post(&self.url).content_type(content_type);
        let request = request.header("accept", "application/graphql-response+json");
        let mut response = request.send(body).expect("the server answers");
        let body = response.body_mut().read_to_string().expect("text");
        (response.status().as_u16(), body)
    }

    #[track_caller]
    fn assert_alive(&self) {
        let (status, body) = self.send("application/json", br#"{"query": "{ __typename }"}"#);
        assert_eq!(
            (status, body.as_str()),
            (200, r#"{"data":{"__typename":"Query"}}"#)
        );
    }
}

#[test]
fn requests_that_are_none() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let json = |body: &str| {
        let (status, body) = client.send("application/json", body.as_bytes());
        format!("{status} {body}")
    };
    assert_snapshot!(json("query { __typename }"), @r#"400 {"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\": expected value at line 1 column 1","extensions":{"code":"BAD_REQUEST"}}]}"#);
    assert_snapshot!(json("{\"query\": \"{ __typename }\""), @r#"400 {"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\": EOF while parsing an object at line 1 column 26","extensions":{"code":"BAD_REQUEST"}}]}"#);
    assert_snapshot!(json("{\"variables\": {}}"), @r#"400 {"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\", found no \"query\"","extensions":{"code":"BAD_REQUEST"}}]}"#);
    assert_snapshot!(json("[]"), @r#"400 {"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\", found a list","extensions":{"code":"BAD_REQUEST"}}]}"#);
    assert_snapshot!(json(""), @r#"400 {"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\": EOF while parsing a value at line 1 column 0","extensions":{"code":"BAD_REQUEST"}}]}"#);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/graphql",
    ] {
        let (status, body) = client.send(content_type, br#"{"query": "{ __typename }"}"#);
        assert_eq!(status, 415, "{content_type}");
        assert_eq!(
            body,
            r#"{"errors":[{"message":"expected a body of type application/json in UTF-8","extensions":{"code":"BAD_REQUEST"}}]}"#
        );
    }
    let mut put = client.agent.put(&client.url).send("{}").expect("an answer");
    assert_eq!(put.status(), 405);
    assert_eq!(put.headers()["allow"], "GET, POST");
    assert_snapshot!(put.body_mut().read_to_string().expect("text"), @r#"{"errors":[{"message":"expected POST with a JSON body, or GET with ?query=…; the explorer is at /graphiql","extensions":{"code":"BAD_REQUEST"}}]}"#);
    let mut get = client.agent.get(&client.url).call().expect("an answer");
    assert_eq!(get.status(), 400);
    assert_snapshot!(get.body_mut().read_to_string().expect("text"), @r#"{"errors":[{"message":"expected POST with a JSON body, or GET with ?query=…; the explorer is at /graphiql","extensions":{"code":"BAD_REQUEST"}}]}"#);
    for host in ["example.com", "rollcall.example.com:80", "169.254.0.1"] {
        let request = client.agent.post(&client.url).header("host", host);
        let mut response = request
            .send_json(json!({ "query": "{ __typename }" }))
            .expect("an answer");
        assert_eq!(response.status(), 403);
        let body: Value = response.body_mut().read_json().expect("JSON");
        assert_eq!(
            body["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{body}"
        );
    }
    client.assert_alive();
}

#[test]
fn bodies_that_are_too_much() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let large = json!({ "query": format!("{{ __typename }} # {}", "x".repeat(2 << 20)) });
    let (status, body) = client.send("application/json", large.to_string().as_bytes());
    assert_eq!(status, 413);
    assert_snapshot!(body, @r#"{"errors":[{"message":"expected a body of at most 1048576 bytes, found more","extensions":{"code":"BAD_REQUEST"}}]}"#);
    client.assert_alive();

    let depth = 100_000;
    for opening in ["[", "{a:", "{a "] {
        let document = format!("{{ previewSegment(ruleJson: {}", opening.repeat(depth));
        let body = json!({ "query": document }).to_string();
        let (status, body) = client.send("application/json", body.as_bytes());
        assert_eq!(status, 400, "{opening}");
        assert_eq!(
            body,
            r#"{"errors":[{"message":"expected a document with at most 200 brackets within each other, found more","extensions":{"code":"TOO_COMPLEX"}}]}"#
        );
        client.assert_alive();
    }
    let variables = format!(
        "{{\"query\": \"query ($rule: JSON) {{ previewSegment(ruleJson: $rule) {{ memberCount }} }}\", \
         \"variables\": {{\"rule\": {}{}}}}}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let (status, body) = client.send("application/json", variables.as_bytes());
    assert_eq!(status, 400);
    assert_snapshot!(body, @r#"{"errors":[{"message":"expected a JSON object with \"query\" and perhaps \"variables\": recursion limit exceeded at line 1 column 233","extensions":{"code":"BAD_REQUEST"}}]}"#);
    client.assert_alive();
}

#[test]
fn an_answer_that_never_began_has_no_data() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    for (document, variables) in [
        ("{ subscribers { ", json!({})),
        ("{ people { id } }", json!({})),
        ("{ subscribers }", json!({})),
        ("query ($id: ID!) { node(id: $id) { id } }", json!({})),
        (
            "query ($id: ID!) { node(id: $id) { id } }",
            json!({ "id": [1] }),
        ),
        ("{ ...Missing }", json!({})),
        (
            "mutation { createGroup(input: {}) { group { id } } }",
            json!({}),
        ),
        ("query a { __typename } query b { __typename }", json!({})),
    ] {
        let (status, body) = server.post(document, variables);
        assert_eq!(status, 400, "{document}: {body}");
        assert!(body.get("data").is_none(), "{document}: {body}");
        assert!(
            body["errors"][0]["extensions"]["code"].is_string(),
            "{document}: {body}"
        );
    }
    // One that began and failed has its data, but for what failed.
    let (status, body) = server.post("{ __typename subscriber { id } }", json!({}));
    assert_eq!(status, 200);
    assert_eq!(body["data"]["__typename"], "Query");
    assert_eq!(body["data"]["subscriber"], Value::Null);
    assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let (status, body) = server.post("{ subscribers(first: 1000) { totalCount } }", json!({}));
    assert_eq!(status, 200);
    assert!(body.get("data").is_some_and(Value::is_null), "{body}");
    assert_eq!(body["errors"][0]["path"], json!(["subscribers"]));
}
