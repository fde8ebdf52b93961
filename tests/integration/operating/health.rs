//! Health: what load balancers and container engines are told.

use crate::bounds::StoppedPostgres;
use crate::support::{Server, Socket, TestDatabase, cluster_dir, eventually, rollcall, run};
use serde_json::{Value, json};

/// Returns the status and the body of a path.
fn get(server: &Server, path: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("http://{}{path}", server.address);
    let mut answer = agent.get(url).call().expect("the server answers");
    let body = answer.body_mut().read_json().expect("a JSON body");
    (answer.status().as_u16(), body)
}

fn not_ready(reason: &str) -> (u16, Value) {
    (503, json!({ "status": "not ready", "reason": reason }))
}

/// Runs `rollcall health` for a server.
fn ask(server: &Server) -> String {
    run(&mut rollcall(&["health", "--listen", &server.address])).to_string()
}

#[test]
fn a_server_is_ready_while_its_tables_are_those_of_the_program() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let live = (200, json!({ "status": "live" }));
    assert_eq!(get(&server, "/health/live"), live);
    assert_eq!(
        get(&server, "/health/ready"),
        (200, json!({ "status": "ready" }))
    );
    assert_eq!(ask(&server), "exit code 0\nready\n");

    database.execute(
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000'); \
         DELETE FROM __diesel_schema_migrations WHERE version LIKE '20261125%'",
    );
    let newer = "a newer Rollcall has migrated the database";
    assert_eq!(get(&server, "/health/ready"), not_ready(newer));
    assert_eq!(
        ask(&server),
        format!("exit code 1\nrollcall: not ready: {newer}\n")
    );
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version LIKE '2999%'");
    assert_eq!(
        get(&server, "/health/ready"),
        not_ready("migrations are missing")
    );
    assert_eq!(get(&server, "/health/live"), live);
}

#[test]
fn a_server_that_is_told_to_stop_answers_and_is_not_ready() {
    let database = TestDatabase::new();
    let server = Server::start_with(&["--database-url", &database.url, "--drain", "600"]);
    assert_eq!(get(&server, "/health/ready").0, 200);
    let mut socket = Socket::open(&server);
    server.terminate();
    let stopping = not_ready("the server is stopping");
    eventually("the server is not ready", || {
        get(&server, "/health/ready") == stopping
    });
    assert_eq!(get(&server, "/health/live").0, 200);
    let (status, _) = server.post("{ __typename }", Value::Null);
    assert_eq!(status, 200);
    assert_eq!(
        ask(&server),
        "exit code 1\nrollcall: not ready: the server is stopping\n"
    );
    // A client whose socket is closed now would come back to the same server.
    socket.subscribe("1", "{ __typename }", Value::Null);
    assert_eq!(socket.next("1"), json!({"__typename": "Query"}));
    assert_eq!(socket.receive()["type"], json!("complete"));
    server.terminate();
    let reason = "The server stops".to_owned();
    assert_eq!(socket.wait_for_close(), (1001, reason));
}

#[test]
fn health_says_where_no_server_answers() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let address = server.address.clone();
    let wrong = ["health", "--listen", &address, "--base-path", "/elsewhere"];
    let told = run(&mut rollcall(&wrong)).to_string();
    assert!(told.contains("status 404; check --listen"), "{told}");
    server.kill();
    let told = run(&mut rollcall(&["health", "--listen", &address])).to_string();
    let expected = format!(
        "exit code 1\nrollcall: no server answers at http://{address}/health/ready; start it, or name its address with --listen"
    );
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at processes in /proc")]
fn a_database_that_stands_still_leaves_the_server_live_and_not_ready() {
    let dir = cluster_dir("ready");
    let data_dir = dir.path().join("data");
    let server = Server::start_with(&["--data-dir", data_dir.to_str().expect("a plain path")]);
    assert_eq!(get(&server, "/health/ready").0, 200);
    {
        let _stopped = StoppedPostgres::new(&data_dir);
        // More at a time than health has connections.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let silent = not_ready("the database does not answer");
                    assert_eq!(get(&server, "/health/ready"), silent);
                });
            }
        });
        assert_eq!(get(&server, "/health/live").0, 200);
    }
    eventually("the server is ready again", || {
        get(&server, "/health/ready").0 == 200
    });
}
