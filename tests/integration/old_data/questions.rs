//! What the old program was asked, and the new one is.

use serde_json::{Value, json};

/// Moments between the weekly refreshes of the demo.
const MOMENTS: [&str; 2] = ["1998-03-15T12:00:00Z", "1998-06-28T12:00:00Z"];

/// The segments, some of them archived or invalid in the end.
pub const SEGMENTS: [&str; 12] = [
    "active-buyers",
    "big-spenders",
    "buyers-of-rock",
    "january-and-loyal",
    "lapsed-buyers",
    "lt",
    "moved",
    "near",
    "now",
    "one-time-buyers",
    "quiet",
    "tasteful",
];

const GROUPS: [&str; 5] = [
    "cdnow-sample",
    "fair",
    "january-1997",
    "listening-panel",
    "staff",
];

/// Whose whole record is asked for. The last one is deleted.
const PEOPLE: [&str; 9] = [
    "cdnow-0001@example.com",
    "cdnow-0002@example.com",
    "p0@example.com",
    "p4@example.com",
    "p5@example.com",
    "p7@example.com",
    "p15@example.com",
    "fair9@example.com",
    "p30@example.com",
];

/// Documents with their variables. Nothing in the answers depends on the clock, as long as it stands on the day of the demo.
pub fn all() -> Vec<(String, Value)> {
    let mut asked = vec![];
    for document in WHOLE {
        asked.push((document.to_owned(), json!({})));
    }
    for key in SEGMENTS {
        asked.push((SEGMENT.to_owned(), json!({ "key": key })));
        asked.push((CHANGES.to_owned(), json!({ "key": key })));
        for moment in MOMENTS {
            asked.push((PAST.to_owned(), json!({"key": key, "at": moment})));
        }
    }
    for key in GROUPS {
        asked.push((GROUP.to_owned(), json!({ "key": key })));
    }
    for email in PEOPLE {
        asked.push((PERSON.to_owned(), json!({ "email": email })));
        for key in ["lt", "tasteful"] {
            asked.push((EXPLAIN.to_owned(), json!({"email": email, "key": key})));
        }
    }
    for search in ["p", "cdnow-1", "fair"] {
        asked.push((LIST.to_owned(), json!({ "search": search })));
    }
    asked
}

const WHOLE: [&str; 8] = [
    "{ statusCounts { status count } settings { timeZone refreshAt keepChanges keepUndo } \
       customFields(first: 50) { totalCount nodes { id key label type version createdAt usedBy { key } } } }",
    "{ segments(first: 50, withArchived: true) { totalCount nodes { id key name description mode state tags version \
       definitionVersion summary archivedAt createdAt updatedAt nextRefreshAt usedBy { key } problems { message } } } \
       groups(first: 50) { totalCount nodes { id key name description tags version createdAt updatedAt usedBy { key } } } }",
    "{ refreshes(first: 40) { totalCount nodes { id trigger state asOf finishedAt error progress } } }",
    "{ imports(first: 20) { totalCount nodes { id number kind state error fileName dryRun encoding delimiter hasHeader \
       createdAt startedAt finishedAt canUndo undoUntil undoneAt undoError \
       columns { name target } report { rows created updated unchanged refused malformed skipped repeated addedToGroups \
       createdPeople droppedCells } problems(first: 50) { nodes { line column reason } } } } }",
    "{ bulkActions(first: 20) { totalCount nodes { id number kind state error field value rule targetGroup createdAt finishedAt \
       matchedCount changedCount doneCount withheldCount canUndo undoneAt } } }",
    "{ ruleEvents { name } ruleFields { name label node } }",
    "{ some: subscribers(filter: {rule: {status: {in: [UNSUBSCRIBED, PENDING]}}}, first: 50, orderBy: EMAIL) { totalCount nodes { email } } \
       newest: subscribers(first: 20, orderBy: ADDED, direction: DESCENDING) { totalCount nodes { id email } } }",
    "{ previewSegment(now: \"1998-07-01T12:00:00Z\", rule: {any: [{event: {name: \"visit\", where: [{text: {property: \"page\", \
       is: {startsWith: \"/s\"}}}]}}, {number: {field: \"custom.visits\", is: {atLeast: 200}}}]}) { memberCount sample { email } } }",
];

const SEGMENT: &str = "query ($key: String!) { segment(key: $key) { id rule state memberCount statusCounts { status count } \
    members(first: 250, orderBy: EMAIL) { totalCount edges { joinedAt node { email } } } \
    definitions(first: 9) { nodes { version rule summary createdAt } } dependsOn { __typename } \
    lastRefresh { memberCount joinedCount leftCount } } }";

const CHANGES: &str = "query ($key: String!) { segment(key: $key) { changes(first: 40) { totalCount nodes { refresh { id asOf } \
    memberCount joinedCount leftCount deletedCount joined(first: 20, orderBy: EMAIL) { nodes { email } } \
    left(first: 20, orderBy: EMAIL) { nodes { email } } deleted(first: 9) { nodes { id } } } } \
    growth(from: \"1998-01-01T00:00:00Z\", to: \"1998-07-01T00:00:00Z\", by: WEEK) { start memberCount joinedCount leftCount \
    deletedCount } } }";

const PAST: &str = "query ($key: String!, $at: DateTime!) { segment(key: $key) { memberCount(asOf: $at) \
    members(asOf: $at, first: 100, orderBy: EMAIL) { totalCount edges { joinedAt node { email } } } } }";

const GROUP: &str = "query ($key: String!) { group(key: $key) { memberCount statusCounts { status count } \
    members(first: 250, orderBy: EMAIL) { totalCount edges { addedAt node { email } } } } }";

const PERSON: &str = "query ($email: String!) { subscriber(email: $email) { id email firstName lastName phone country region city \
    postalCode latitude longitude language timezone birthday source status subscribedAt unsubscribedAt createdAt updatedAt version \
    customFields { key value } eventTotals { name count sum firstAt lastAt } \
    events(first: 20) { totalCount nodes { id name occurredAt value properties } } \
    groups(first: 9) { edges { addedAt node { key } } } segments(first: 20) { edges { joinedAt node { key } } } \
    history(first: 50) { totalCount nodes { at direction segment { key } refresh { id } } } \
    statusHistory(first: 9) { nodes { at from to source reason consentSource } } } }";

const EXPLAIN: &str = "query ($email: String!, $key: String!) { subscriber(email: $email) { \
    isMember(of: {segment: $key}) explain(segment: {key: $key}, now: \"1998-07-01T12:00:00Z\") { isMatch isMember \
    nodes { path text isTrue } } } }";

const LIST: &str = "query ($search: String!) { subscribers(search: $search, first: 250, orderBy: EMAIL) { totalCount \
    nodes { id email country status createdAt customField(key: \"visits\") } } }";
