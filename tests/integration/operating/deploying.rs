//! The files of `docs/deploy`: that they can be read, and that the program knows what they name.

use crate::support::{python, rollcall, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/deploy")
        .join(name)
}

/// Returns the documents of a YAML file, or nothing where Python is missing.
fn documents(name: &str) -> Option<Value> {
    let script =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let mut command = Command::new(python()?);
    let done = run(command.args(["-c", script]).arg(file(name)));
    Some(serde_json::from_str(&done.succeeded()).expect("JSON"))
}

/// The environment variables that the program reads, out of the help of its server.
fn variables() -> BTreeSet<String> {
    let help = run(&mut rollcall(&["serve", "--help"])).succeeded();
    let named = regex::Regex::new(r"\[env: ([A-Z_]+)").expect("an expression");
    let mut names: BTreeSet<String> = named
        .captures_iter(&help)
        .map(|found| found[1].to_owned())
        .collect();
    names.insert("ROLLCALL_LOG".to_owned());
    assert!(names.len() > 20, "{names:?}");
    names
}

/// Fails if a text names a variable of Rollcall that the program does not read.
#[track_caller]
fn check_variables(name: &str) {
    let text = std::fs::read_to_string(file(name)).expect("a file");
    let named = regex::Regex::new(r"\b(ROLLCALL_[A-Z_]+|DATABASE_URL)\b").expect("an expression");
    let known = variables();
    let mut count = 0;
    for found in named.find_iter(&text) {
        assert!(known.contains(found.as_str()), "{name}: {}", found.as_str());
        count += 1;
    }
    assert!(count > 0, "{name} names no variable");
}

#[test]
fn files_name_variables_that_the_program_reads() {
    for name in [
        "compose.yaml",
        "kubernetes.yaml",
        "rollcall.service",
        "debian/environment",
    ] {
        check_variables(name);
    }
}

/// Fails if a list of variables has one without a value.
fn values_of<'a>(list: &'a Value, name: &str) -> &'a Value {
    let entries = list.as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["name"] == name);
    entry.unwrap_or_else(|| panic!("{name} is missing"))
}

#[test]
fn the_compose_file_uses_the_image_as_it_is_built() {
    let Some(documents) = documents("compose.yaml") else {
        return;
    };
    let services = &documents[0]["services"];
    let server = &services["rollcall"];
    let image = format!("rollcall:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(server["image"], image);
    let secret = &documents[0]["secrets"]["first-key"]["file"];
    assert!(secret.is_string(), "{secret}");
    assert_eq!(
        server["environment"]["ROLLCALL_BOOTSTRAP_KEY_FILE"],
        "/run/secrets/first-key"
    );
    assert_eq!(server["secrets"][0], "first-key");
    for volume in [&server["volumes"][0], &services["postgres"]["volumes"][0]] {
        let name = volume.as_str().and_then(|text| text.split(':').next());
        let declared = &documents[0]["volumes"];
        assert!(declared.get(name.expect("a volume")).is_some(), "{volume}");
    }
}

#[test]
fn the_manifests_ask_for_health_where_the_server_tells_it() {
    let Some(documents) = documents("kubernetes.yaml") else {
        return;
    };
    let kind = |kind: &str| {
        let all = documents.as_array().expect("a list");
        all.iter()
            .find(|one| one["kind"] == kind)
            .expect("a document")
    };
    let (service, set) = (kind("Service"), kind("StatefulSet"));
    let pod = &set["spec"]["template"];
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        pod["metadata"]["labels"]
    );
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    let server = &pod["spec"]["containers"][0];
    let image = format!("rollcall:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(server["image"], image);
    assert_eq!(server["readinessProbe"]["httpGet"]["path"], "/health/ready");
    assert_eq!(server["livenessProbe"]["httpGet"]["path"], "/health/live");
    // What is waited for before the pod is killed is longer than the drain.
    let drain = values_of(&server["env"], "ROLLCALL_DRAIN")["value"].as_str();
    let drain: u64 = drain.and_then(|text| text.parse().ok()).expect("seconds");
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64();
    assert!(grace > Some(drain), "{grace:?}");
    let key = values_of(&server["env"], "ROLLCALL_BOOTSTRAP_KEY_FILE")["value"].as_str();
    let mounts = server["volumeMounts"].as_array().expect("a list");
    let is_mounted = mounts.iter().any(|mount| {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        key.is_some_and(|key| key.starts_with(&format!("{path}/")))
    });
    assert!(is_mounted, "{key:?} is in no volume");
}

#[test]
fn the_debian_changelog_is_of_this_version() {
    let text = std::fs::read_to_string(file("debian/changelog")).expect("a file");
    let first = format!("rollcall ({}-1) ", env!("CARGO_PKG_VERSION"));
    assert!(text.starts_with(&first), "{text}");
}
