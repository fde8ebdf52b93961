//! Metrics: those of the documentation are emitted, and no others; alert rules and the dashboard use no others either.

use crate::support::{Server, Socket, TestDatabase, eventually};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// Names and labels of metrics.
type Labels = BTreeMap<String, BTreeSet<String>>;

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Reads the table of the documentation.
fn documented() -> Labels {
    let page = std::fs::read_to_string(docs().join("operating.md")).expect("a page");
    let section = page
        .split("\n## ")
        .find(|part| part.starts_with("Metrics\n"));
    let rows = section.expect("a section about metrics").lines();
    rows.filter_map(|row| row.strip_prefix("| `"))
        .map(|row| {
            let (name, rest) = row.split_once("` |").expect("a name");
            let labels = rest.split('|').next().unwrap_or_default();
            let labels = labels
                .split('`')
                .map(str::trim)
                .filter(|label| !label.is_empty());
            (name.to_owned(), labels.map(str::to_owned).collect())
        })
        .collect()
}

/// A server with metrics, and where they are.
struct Measured {
    server: Server,
    address: String,
}

impl Measured {
    fn start(database: &TestDatabase, arguments: &[&str]) -> Measured {
        let settings = [
            "--database-url",
            &database.url,
            "--metrics-listen",
            "127.0.0.1:0",
        ];
        let server = Server::start_with(&[&settings, arguments].concat());
        let mark = "metrics are served address=";
        let logged = server.logged();
        let line = logged.lines().find_map(|line| line.split_once(mark));
        let (_, address) = line.unwrap_or_else(|| panic!("no address in {logged}"));
        let address = address.to_owned();
        Measured { server, address }
    }

    fn scrape(&self) -> String {
        let mut answer = ureq::get(format!("http://{}/metrics", self.address))
            .call()
            .expect("metrics");
        let kind = answer.headers()["content-type"].to_str().expect("text");
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        answer.body_mut().read_to_string().expect("text")
    }
}

/// Returns names and labels of the metrics that have values.
fn emitted(text: &str) -> Labels {
    let mut kinds = BTreeMap::new();
    let mut found = Labels::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a kind");
            kinds.insert(name.to_owned(), kind.to_owned());
        }
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (sample, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let of_histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|end| name.strip_suffix(end))
            .find(|name| kinds.get(*name).is_some_and(|kind| kind == "histogram"));
        let name = of_histogram.unwrap_or(name);
        assert!(kinds.contains_key(name), "{line} has no type");
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels.filter_map(|label| Some(label.split_once("=\"")?.0.to_owned()));
        let labels = labels.filter(|label| label != "le");
        found.entry(name.to_owned()).or_default().extend(labels);
    }
    found
}

/// Imports a file through the server.
fn import(server: &Server) {
    let create = "mutation { createImport(input: {kind: SUBSCRIBERS, fileName: \"a.csv\"}) { \
                  import { uploadUrl } userErrors { message } } }";
    let (_, created) = server.post(create, Value::Null);
    let url = created["data"]["createImport"]["import"]["uploadUrl"].as_str();
    let url = url.unwrap_or_else(|| panic!("{created}"));
    ureq::put(format!("http://{}{url}", server.address))
        .send("email\nona@example.com\nrasa@example.com\n")
        .expect("a file is taken");
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "metrics of the process come from /proc"
)]
fn every_metric_is_documented_and_every_documented_metric_is_emitted() {
    let database = TestDatabase::new();
    let backups = tempfile::tempdir().expect("a directory");
    std::fs::write(backups.path().join("rollcall-20260301T020000Z.backup"), "").expect("a file");
    let directory = backups.path().to_str().expect("a plain path");
    let measured = Measured::start(
        &database,
        &[
            "--backup-dir",
            directory,
            "--webhook-allow-http",
            "--webhook-allow-private",
        ],
    );
    let server = &measured.server;
    let segment = "mutation { createSegment(input: {key: \"all\", ruleJson: {everyone: true}}) { userErrors { message } } }";
    assert_eq!(server.post(segment, Value::Null).0, 200);
    assert_eq!(server.post("{ nothing }", Value::Null).0, 400);
    let _socket = Socket::open(server);
    // Nobody listens there.
    let webhook = "mutation { createWebhook(input: {name: \"shop\", url: \"http://127.0.0.1:9/\", types: [IMPORT_FINISHED]}) { userErrors { message } } }";
    let (_, made) = server.post(webhook, Value::Null);
    assert_eq!(made["data"]["createWebhook"]["userErrors"], json!([]));
    import(server);
    eventually("everything has happened", || {
        let text = measured.scrape();
        text.contains("rollcall_import_rows_total{outcome=\"created\"} 2\n")
            && text.contains("rollcall_segments{state=\"ready\"} 1\n")
            && text.contains("rollcall_webhook_attempts_total{outcome=\"failed\"} ")
    });
    let text = measured.scrape();
    assert_eq!(emitted(&text), documented(), "{text}");
    for line in [
        "rollcall_graphql_refused_total{code=\"GRAPHQL_VALIDATION_FAILED\"} 1\n",
        "rollcall_sockets{transport=\"websocket\"} 1\n",
        "rollcall_subscribers{status=\"subscribed\"} ",
        "rollcall_backup_last_success_timestamp_seconds 1772330400",
        "rollcall_refresh_duration_seconds_count{trigger=\"edit\",outcome=\"succeeded\"} 1\n",
        "rollcall_http_request_duration_seconds_count{method=\"POST\",route=\"/graphql\",status=\"400\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // Nobody needs to know whom it is about.
    assert!(!text.contains("ona@"), "{text}");
}

#[test]
fn what_clients_write_is_no_label() {
    let database = TestDatabase::new();
    let measured = Measured::start(&database, &["--base-path", "/crm"]);
    let address = &measured.server.address;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    for number in 0..20 {
        for path in [
            format!("crm/imports/{number}/file"),
            format!("crm/p{number}"),
            format!("q{number}"),
        ] {
            let request = ureq::http::Request::builder()
                .method(format!("M{number}").as_str())
                .uri(format!("http://{address}/{path}"))
                .body(())
                .expect("a request");
            agent.run(request).expect("an answer");
        }
    }
    let text = measured.scrape();
    let mut counted: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("rollcall_http_request_duration_seconds_count"))
        .collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            "rollcall_http_request_duration_seconds_count{method=\"OTHER\",route=\"/imports/{id}/file\",status=\"405\"} 20",
            "rollcall_http_request_duration_seconds_count{method=\"OTHER\",route=\"other\",status=\"404\"} 40",
        ]
    );
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let database = TestDatabase::new();
    let measured = Measured::start(&database, &[]);
    let status = |url: String| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        agent.get(url).call().expect("an answer").status().as_u16()
    };
    assert_eq!(
        status(format!("http://{}/metrics", measured.server.address)),
        404
    );
    assert_eq!(status(format!("http://{}/graphql", measured.address)), 404);
    let stopped = measured.server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
}

#[test]
fn alert_rules_and_the_dashboard_use_metrics_that_exist() {
    let known = documented();
    let texts = ["alerts.yml", "dashboard.json"]
        .map(|name| std::fs::read_to_string(docs().join("monitoring").join(name)).expect("a file"));
    serde_json::from_str::<Value>(&texts[1]).expect("JSON");
    for text in texts {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let used = words.filter(|word| {
            word.starts_with("rollcall_") || (word.starts_with("process_") && *word != "process_")
        });
        let mut count = 0;
        for name in used {
            let ends = ["_bucket", "_sum", "_count"];
            let is_known = known.contains_key(name)
                || ends.iter().any(|end| {
                    name.strip_suffix(end)
                        .is_some_and(|name| known.contains_key(name))
                });
            assert!(is_known, "{name}");
            count += 1;
        }
        assert!(count >= 8, "{count}");
    }
}

#[test]
fn alert_rules_pass_their_tests() {
    let dir = docs().join("monitoring");
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ] {
        let done = Command::new("promtool")
            .args(arguments)
            .current_dir(&dir)
            .output();
        let Ok(done) = done else {
            let required = std::env::var("ROLLCALL_CLIENTS").is_ok_and(|value| value == "required");
            assert!(
                !required,
                "ROLLCALL_CLIENTS=required, but there is no promtool"
            );
            eprintln!("*** NOT TESTED: the alert rules, which need promtool");
            return;
        };
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
