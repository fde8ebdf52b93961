//! A mirror: clients that follow, lose their connection at random and come back have exactly the members, through
//! edits, deletions, refreshes, two servers and restored backups; or they are told to load the members anew. Beside them a
//! mirror of everything, which follows the log of changes alone.

use super::backup::Backup;
use super::edits::{Editor, edit};
use super::whole_mirror::WholeMirror;
use super::{
    Listener, OtherServer, Random, add_segments, ask_segment, follow, position, set_country,
};
use crate::support::TestApp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many edits there are, unless `ROLLCALL_MIRROR_EDITS` says so.
const EDITS: usize = 500;

/// What a client knows of a segment.
struct Mirror<'s> {
    key: &'static str,
    servers: &'s [OtherServer; 2],
    listener: Option<Listener<'s>>,
    after: Value,
    members: BTreeSet<String>,
    count: i64,
    seen: Seen,
}

/// What a mirror went through.
#[derive(Debug, Default)]
struct Seen {
    items: usize,
    parts: usize,
    between: usize,
    deleted: usize,
    connections: usize,
    resyncs: usize,
}

impl<'s> Mirror<'s> {
    fn new(app: &TestApp, key: &'static str, servers: &'s [OtherServer; 2]) -> Mirror<'s> {
        let mut mirror = Mirror {
            key,
            servers,
            listener: None,
            after: Value::Null,
            members: BTreeSet::new(),
            count: 0,
            seen: Seen::default(),
        };
        mirror.load(app);
        mirror
    }

    /// Loads the members anew: first the position, then them.
    fn load(&mut self, app: &TestApp) {
        self.listener = None;
        self.after = position(app, self.key);
        (self.members, self.count) = members(app, self.key);
    }

    /// Reads until the sentinel comes, losing the connection now and then, or until the members are loaded anew.
    fn catch_up(&mut self, app: &TestApp, sentinel: &str, random: &mut Random) {
        loop {
            if random.below(4) == 0 {
                self.listener = None;
            }
            let servers = self.servers;
            let after = self.after.clone();
            let key = self.key;
            let connections = &mut self.seen.connections;
            let listener = self.listener.get_or_insert_with(|| {
                *connections += 1;
                servers[random.below(2)].follow(key, &after)
            });
            match listener.next() {
                Ok(item) => {
                    if self.apply(&item, sentinel) {
                        return;
                    }
                }
                Err(code) => {
                    assert_eq!(code, "RESYNC", "{key}");
                    self.seen.resyncs += 1;
                    return self.load(app);
                }
            }
        }
    }

    /// Applies an item and returns whether it has the sentinel.
    #[track_caller]
    fn apply(&mut self, item: &Value, sentinel: &str) -> bool {
        let list = |name: &str| item[name].as_array().expect("a list");
        let id = |person: &Value| person["id"].as_str().expect("an id").to_owned();
        for joined in list("joined").iter().map(id) {
            assert!(
                self.members.insert(joined),
                "{}: told twice: {item}",
                self.key
            );
        }
        for left in list("left").iter().map(id) {
            assert!(
                self.members.remove(&left),
                "{}: nobody left: {item}",
                self.key
            );
        }
        for gone in list("deletedIds") {
            self.members.remove(gone.as_str().expect("an id"));
        }
        let count = |name: &str| item[name].as_i64().expect("a count");
        self.count += count("joinedCount") - count("leftCount") - count("deletedCount");
        self.seen.items += 1;
        self.seen.parts += usize::from(item["isLast"] == json!(false));
        self.seen.between += usize::from(item["refresh"] == Value::Null);
        self.seen.deleted += list("deletedIds").len();
        self.after = item["position"].clone();
        let moved = list("joined").iter().chain(list("left"));
        moved.map(id).any(|id| id == sentinel)
    }
}

/// The members of a segment as their API lists them, and their number.
fn members(app: &TestApp, key: &str) -> (BTreeSet<String>, i64) {
    let mut ids = BTreeSet::new();
    let mut after = Value::Null;
    loop {
        let selection = format!(
            "memberCount members(first: 250, after: {after}) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }}"
        );
        let segment = ask_segment(app, key, &selection);
        let page = &segment["members"];
        let nodes = page["nodes"].as_array().expect("a list").iter();
        ids.extend(nodes.map(|node| node["id"].as_str().expect("an id").to_owned()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return (ids, segment["memberCount"].as_i64().expect("a count"));
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[test]
fn a_mirror_has_the_members_whatever_happens_or_is_told_to_load_them() {
    let app = TestApp::at(super::NOW);
    let mut random = Random(11);
    add_segments(&app);
    let sentinel = set_country(&app, "sentinel", "LV");
    app.refresh();
    let servers = [OtherServer::over(&app), OtherServer::over(&app)];
    let edits = std::env::var("ROLLCALL_MIRROR_EDITS").ok();
    let edits = edits.map_or(EDITS, |edits| edits.parse().expect("a number of edits"));
    let beside = app.beside();
    let mut whole = WholeMirror::load(&app);
    let mut editor = Editor::default();
    let mut mirrors = super::SEGMENTS.map(|(key, _)| Mirror::new(&app, key, &servers));
    let mut backup = None;
    for number in 0..edits {
        match number {
            100 => backup = Some(Backup::take(&app, "first")),
            // Right after it, so that nobody has seen more; later; and once more.
            101 | 240 | 420 => backup.as_ref().expect("one was taken").restore(&app),
            300 => backup = Some(Backup::take(&app, "second")),
            _ => edit(&app, &mut random, &mut editor),
        }
        if random.below(8) > 0 && number + 1 < edits {
            continue;
        }
        // The sentinel moves once at the end of a stretch: whoever has read so far has read everything.
        app.refresh();
        follow(&app);
        let found = app.query(
            "{ subscriber(email: \"sentinel@example.com\") { country } }",
            json!({}),
        );
        let code = if found["subscriber"]["country"] == json!("LT") {
            "LV"
        } else {
            "LT"
        };
        set_country(&app, "sentinel", code);
        follow(&app);
        app.refresh();
        whole.catch_up([&app, &beside], &mut random);
        whole.check(&app, &format!("after edit {number}"));
        for mirror in &mut mirrors {
            mirror.catch_up(&app, &sentinel, &mut random);
            let expected = members(&app, mirror.key);
            let what = format!("{} after edit {number}", mirror.key);
            assert_eq!(mirror.members, expected.0, "{what}");
            assert_eq!(mirror.count, expected.1, "{what}");
        }
    }
    let [daily, instant] = mirrors.map(|mirror| mirror.seen);
    for seen in [&daily, &instant] {
        assert!(
            seen.items > 80 && seen.parts > 0 && seen.deleted > 1_000 && seen.connections > 30,
            "{seen:?}"
        );
        assert!(seen.resyncs >= 2, "{seen:?}");
    }
    assert!(
        instant.between > daily.between && daily.parts > 3,
        "{daily:?} {instant:?}"
    );
    let seen = whole.seen;
    assert!(
        seen.resyncs >= 2 && seen.pages > 100 && seen.kinds.len() >= 14,
        "{seen:?}"
    );
    assert!(
        editor.undone_imports > 0 && editor.undone_actions > 0,
        "{editor:?}"
    );
}
