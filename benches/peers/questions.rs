//! The questions, in the words of each server.

use super::peer::{Kind, Peer};
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use rollcall::db::Db;
use rollcall::db::schema::subscribers;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The group that people are added to.
pub const EMPTY_GROUP: &str = "team-20";
/// How many people a page of a list has.
const PAGE: i64 = 50;
/// Which page of a list is far down.
const FAR: i64 = 2_000;
/// How many listen while people are asked for.
const LISTENERS: usize = 10;
/// How many people are asked for in turn.
const PEOPLE: usize = 500;

/// What questions are about.
pub struct Ground {
    people: i64,
    emails: Vec<String>,
}

/// A question.
pub struct Question {
    pub name: &'static str,
    has_listeners: bool,
    bodies: fn(&Peer, &Ground) -> anyhow::Result<Vec<String>>,
}

impl Ground {
    /// Reads the addresses of all people, those of the first in the end: comparing adds the last.
    pub fn load(db: &Db, people: i64) -> anyhow::Result<Ground> {
        let emails = db.run_here(|connection| {
            let emails = subscribers::table.order(subscribers::id);
            Ok(emails.select(subscribers::email).load(connection)?)
        })?;
        Ok(Ground { people, emails })
    }
}

/// Lists the questions.
pub fn all() -> [Question; 7] {
    let question = |name, bodies| Question {
        name,
        has_listeners: false,
        bodies,
    };
    [
        question("a 50 people, all they are in", people),
        question("b 1 person, in 5 segments?", person),
        question("c 250 members by e-mail", members),
        question("d 30 segments, counts", segments),
        question("e page 2,000", far_page),
        question("f 1 person into a group", add),
        Question {
            name: "g as a, with 10 listeners",
            has_listeners: true,
            bodies: people,
        },
    ]
}

impl Question {
    /// The bodies of the requests.
    pub fn bodies(&self, peer: &Peer, ground: &Ground) -> anyhow::Result<Vec<String>> {
        (self.bodies)(peer, ground)
    }

    /// The last body: what it changes is no more asked for in the load.
    pub fn first_body(&self, peer: &Peer, ground: &Ground) -> anyhow::Result<String> {
        self.bodies(peer, ground)?.pop().context("no body")
    }

    /// Opens subscriptions, if they belong to the question.
    pub fn listen(&self, peer: &Peer) -> anyhow::Result<Vec<Listening>> {
        // PostGraphile has subscriptions over WebSocket alone; it is asked without listeners.
        if !self.has_listeners || peer.kind == Kind::PostGraphile {
            return Ok(Vec::new());
        }
        (0..LISTENERS).map(|_| Listening::open(peer)).collect()
    }
}

fn body(query: &str, variables: Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

fn people(peer: &Peer, _: &Ground) -> anyhow::Result<Vec<String>> {
    let query = match peer.kind {
        Kind::PostGraphile => {
            "{ allPeople(first: 50, orderBy: [EMAIL_ASC]) { nodes { id email firstName status \
             groupMembershipsByPersonId { nodes { addedAt groupByGroupId { key name } } } \
             segmentMembershipsByPersonId { nodes { segmentBySegmentId { key name } } } } } }"
        }
        _ => {
            "{ subscribers(first: 50, orderBy: EMAIL) { nodes { id email firstName status \
             groups { edges { addedAt node { key name } } } segments { nodes { key name } } } } }"
        }
    };
    Ok(vec![body(query, Value::Null)])
}

fn person(peer: &Peer, ground: &Ground) -> anyhow::Result<Vec<String>> {
    let (before, field, target) = match peer.kind {
        Kind::PostGraphile => ("personByEmail", "isMember(segment: ", ""),
        _ => ("subscriber", "isMember(of: {segment: ", "}"),
    };
    let fields = ["a", "b", "c", "d", "e"].iter().zip([1, 4, 9, 14, 20]);
    let fields: String = fields
        .map(|(alias, number)| format!("{alias}: {field}\"segment-{number:04}\"{target}) "))
        .collect();
    let query =
        format!("query ($email: String!) {{ {before}(email: $email) {{ id email {fields} }} }}");
    let emails = ground
        .emails
        .iter()
        .step_by(ground.emails.len() / PEOPLE + 1);
    Ok(emails
        .map(|email| body(&query, json!({ "email": email })))
        .collect())
}

fn members(peer: &Peer, _: &Ground) -> anyhow::Result<Vec<String>> {
    let query = match peer.kind {
        Kind::PostGraphile => {
            "query ($key: String!) { segmentByKey(key: $key) { members(first: 250) { nodes { email custom } } } }"
        }
        _ => {
            "query ($key: String!) { segment(key: $key) { members(first: 250, orderBy: EMAIL) { nodes { email customFields { key value } } } } }"
        }
    };
    let keys = (0..super::SEGMENTS).map(|number| format!("segment-{number:04}"));
    Ok(keys.map(|key| body(query, json!({ "key": key }))).collect())
}

fn segments(peer: &Peer, _: &Ground) -> anyhow::Result<Vec<String>> {
    let query = match peer.kind {
        Kind::PostGraphile => {
            "{ allSegments(first: 50, orderBy: [KEY_ASC]) { nodes { key name memberCount \
             segmentRefreshesBySegmentId(first: 1, orderBy: [REFRESH_ID_DESC]) { nodes { memberCount refreshByRefreshId { asOf } } } } } }"
        }
        _ => {
            "{ segments(first: 50) { nodes { key name memberCount lastRefresh { memberCount refresh { asOf } } } } }"
        }
    };
    Ok(vec![body(query, Value::Null)])
}

fn far_page(peer: &Peer, ground: &Ground) -> anyhow::Result<Vec<String>> {
    // Ids count from 1, and nobody was deleted.
    let last = ((FAR - 1) * PAGE).min(ground.people - PAGE);
    let from_end = ground.people - last + 1;
    let cursor = |list: &str, arguments: &str| -> anyhow::Result<Value> {
        let query = format!("{{ {list}({arguments}) {{ pageInfo {{ endCursor }} }} }}");
        let answer = peer.ask(&body(&query, Value::Null))?;
        Ok(answer["data"][list]["pageInfo"]["endCursor"].clone())
    };
    let (list, after) = match peer.kind {
        Kind::Yoga => ("subscribers", json!(STANDARD.encode(last.to_string()))),
        Kind::PostGraphile => {
            let offset = last - 1;
            (
                "allPeople",
                cursor(
                    "allPeople",
                    &format!("first: 1, offset: {offset}, orderBy: [PRIMARY_KEY_ASC]"),
                )?,
            )
        }
        Kind::Rollcall => ("subscribers", rollcall_cursor(peer, from_end)?),
    };
    let order = if peer.kind == Kind::PostGraphile {
        ", orderBy: [PRIMARY_KEY_ASC]"
    } else {
        ""
    };
    let cursor_type = if peer.kind == Kind::PostGraphile {
        "Cursor"
    } else {
        "String"
    };
    let query = format!(
        "query ($after: {cursor_type}) {{ {list}(first: 50, after: $after{order}) {{ nodes {{ id email firstName }} pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    Ok(vec![body(&query, json!({ "after": after }))])
}

/// Returns the cursor of the person who stands there, counted from the end.
fn rollcall_cursor(peer: &Peer, mut from_end: i64) -> anyhow::Result<Value> {
    let query = "query ($last: Int!, $before: String) { subscribers(last: $last, before: $before) { pageInfo { startCursor } } }";
    let mut before = Value::Null;
    while from_end > 0 {
        let last = from_end.min(250);
        let answer = peer.ask(&body(query, json!({ "last": last, "before": before })))?;
        before = answer["data"]["subscribers"]["pageInfo"]["startCursor"].clone();
        anyhow::ensure!(before.is_string(), "no cursor: {answer}");
        from_end -= last;
    }
    Ok(before)
}

fn add(peer: &Peer, ground: &Ground) -> anyhow::Result<Vec<String>> {
    let query = match peer.kind {
        Kind::PostGraphile => {
            "mutation ($group: String!, $email: String!) { addToGroup(input: {groupKey: $group, emails: [$email]}) { result } }"
        }
        _ => {
            "mutation ($group: String!, $email: String!) { addToGroup(input: {group: $group, emails: [$email]}) { addedCount } }"
        }
    };
    let emails = ground.emails.iter();
    // The peers share tables: each adds others.
    let emails = emails.enumerate().filter(|(place, _)| match peer.kind {
        Kind::Rollcall => true,
        Kind::Yoga => place % 2 == 0,
        Kind::PostGraphile => place % 2 == 1,
    });
    let variables = |email: &String| json!({ "group": EMPTY_GROUP, "email": email });
    Ok(emails
        .map(|(_, email)| body(query, variables(email)))
        .collect())
}

/// A subscription over a stream of server-sent events, on which nothing happens.
pub struct Listening(TcpStream);

impl Listening {
    fn open(peer: &Peer) -> anyhow::Result<Listening> {
        let query =
            "subscription { membershipChanged(segment: {key: \"segment-0001\"}) { joinedCount } }";
        let body = body(query, Value::Null);
        let mut stream = TcpStream::connect(&peer.address)?;
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            peer.address,
            body.len()
        )?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut head = String::new();
        BufReader::new(&stream).read_line(&mut head)?;
        anyhow::ensure!(head.contains(" 200 "), "{}: {head}", peer.kind);
        Ok(Listening(stream))
    }

    /// Whether the server has kept it open, and told nothing but signs of life.
    pub fn is_open(&self) -> bool {
        let mut buffer = [0; 4_096];
        let read = self
            .0
            .set_nonblocking(true)
            .and_then(|()| self.0.peek(&mut buffer));
        match read {
            Ok(0) => false,
            Ok(read) => !String::from_utf8_lossy(&buffer[..read]).contains("event: complete"),
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}
