//! A server whose paths begin with a base path.

use super::create_key;
use super::signing_in::{ask_at, send, sign_in_at};
use crate::support::{Server, TestDatabase};
use serde_json::json;
use ureq::http::Method;

const CREATE: &str = "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { uploadUrl problemsUrl refusedUrl } } }";

#[test]
fn everything_is_below_the_base_path() {
    let database = TestDatabase::new();
    let key = create_key(&database, &["console", "--scope", "admin"]);
    let settings = [
        "--database-url",
        &database.url,
        "--base-path",
        "/tools/crm/",
    ];
    let server = Server::start_with(&settings);
    let bearer = format!("Bearer {key}");
    let get = |path: &str| {
        let headers = [("authorization", bearer.as_str())];
        send(&server, Method::GET, path, &headers, "")
    };
    for path in [
        "/health",
        "/graphiql",
        "/graphql?query=%7B__typename%7D",
        "/export/subscribers",
    ] {
        assert_eq!(get(&format!("/tools/crm{path}")).status(), 200, "{path}");
        for outside in ["", "/tools", "/tools/crmx", "/tools/crm/tools/crm"] {
            assert_eq!(
                get(&format!("{outside}{path}")).status(),
                404,
                "{outside}{path}"
            );
        }
    }
    let page = get("/tools/crm/graphiql").into_body();
    assert!(page.contains(r#"<meta name="rollcall-base" content="/tools/crm">"#));
    // A session works as without a base path, and the API names its addresses with it.
    let cookie = sign_in_at(&server, "/tools/crm", &key);
    let answer = ask_at(&server, "/tools/crm", &cookie, CREATE);
    let import = &answer["data"]["createImport"]["import"];
    for field in ["uploadUrl", "problemsUrl", "refusedUrl"] {
        let address = import[field].as_str().expect("an address");
        assert!(address.starts_with("/tools/crm/imports/"), "{address}");
    }
    let upload = import["uploadUrl"].as_str().expect("an address");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/csv"),
    ];
    let sent = send(
        &server,
        Method::PUT,
        upload,
        &headers,
        "email\nona@example.com\n",
    );
    assert_eq!(sent.status(), 202, "{sent:?}");
}

#[test]
fn the_base_path_leads_to_a_page() {
    let database = TestDatabase::new();
    let settings = ["--database-url", &database.url, "--base-path", "/crm"];
    for (server, base_path) in [
        (Server::start_with(&settings), "/crm"),
        (Server::start_with(&settings[..2]), ""),
    ] {
        for path in [format!("{base_path}/"), base_path.to_owned()] {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .max_redirects(0)
                .http_status_as_error(false)
                .build()
                .into();
            let answer = agent.get(format!("http://{}{path}", server.address)).call();
            let answer = answer.expect("the server answers");
            assert_eq!(answer.status(), 302, "{path}");
            let location = answer.headers()["location"].to_str().expect("text");
            assert!(location.starts_with(&format!("{base_path}/")), "{location}");
        }
        let typename = json!({ "query": "{ __typename }" }).to_string();
        let json = [("content-type", "application/json")];
        let path = format!("{base_path}/graphql");
        let answer = send(&server, Method::POST, &path, &json, &typename);
        assert_eq!(answer.status(), 200);
    }
}
