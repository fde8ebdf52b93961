//! The ways in which the mirrors' audience changes.

use super::{Random, delete, follow, set_country};
use crate::support::TestApp;
use rollcall::audience::removal::remove_subscribers;
use rollcall::bulk::run_next;
use rollcall::import::{SubscriberImport, ask_to_undo, import_subscribers, undo_asked};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

/// How many people there are at the most, besides those who come and go together.
const PEOPLE: usize = 40;
/// Enough for changes of several items.
const CROWD: usize = 1_300;

/// What was done that can be undone.
#[derive(Debug, Default)]
pub struct Editor {
    last_action: Option<String>,
    /// How many imports were undone.
    pub undone_imports: usize,
    /// How many bulk actions were undone.
    pub undone_actions: usize,
}

/// Changes somebody, or everybody, in one of the ways there are.
pub fn edit(app: &TestApp, random: &mut Random, editor: &mut Editor) {
    let name = format!("p{}", random.below(PEOPLE));
    match random.below(64) {
        0..=19 => {
            set_country(app, &name, ["LT", "LV"][random.below(2)]);
        }
        20..=25 => {
            let id = set_country(app, &name, "LT");
            if random.below(2) == 0 {
                follow(app);
            }
            delete(app, &id);
        }
        26 => app.database.execute(&format!(
            "DELETE FROM subscribers WHERE email = '{name}@example.com'"
        )),
        27 => app.database.execute(&format!(
            "INSERT INTO subscribers (email, country, created_at, updated_at) \
             SELECT 'crowd' || n || '@example.com', 'LT', now(), now() FROM generate_series(1, {CROWD}) n \
             ON CONFLICT (email) DO UPDATE SET country = 'LT'"
        )),
        28 => app
            .database
            .execute("UPDATE subscribers SET country = 'LV' WHERE email LIKE 'crowd%'"),
        29 => {
            let ids = app.database.ask(
                "SELECT coalesce(json_agg(id), '[]') FROM subscribers WHERE email LIKE 'crowd%'",
            );
            let ids: Vec<i64> = serde_json::from_str(&ids).expect("numbers");
            let now = app.clock.now();
            let removed = app.db().run_here(|connection| {
                use diesel::Connection;
                connection.transaction(|connection| remove_subscribers(connection, ids.clone(), now))
            });
            removed.expect("a deletion");
        }
        30..=32 => {
            app.refresh();
        }
        33..=39 => follow(app),
        _ => editor.edit(app, &name, random),
    }
}

impl Editor {
    /// Makes a change that the segments do not ask about, or one of many people.
    fn edit(&mut self, app: &TestApp, name: &str, random: &mut Random) {
        let group = ["staff", "readers", "friends"][random.below(3)];
        match random.below(17) {
            0 | 1 => self.import(app, random),
            2 | 3 => self.undo_import(app),
            4 | 5 => self.act(app, random),
            6 | 7 => self.undo_action(app),
            8 | 9 => change_group(app, "addToGroup", group, name),
            10 => change_group(app, "removeFromGroup", group, name),
            11 => {
                let status = ["UNSUBSCRIBED", "PENDING", "BOUNCED"][random.below(3)];
                app.subscriber(&address(name), json!({ "status": status }));
            }
            12 => {
                app.respond("mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { code } } }", json!({}));
                let plan = ["pro", "free"][random.below(2)];
                let values = json!({"firstName": name, "customFields": {"plan": plan}});
                app.subscriber(&address(name), values);
            }
            13 => remove(app, "deleteGroup", "group", group),
            14 => remove(app, "deleteSegment", "segment", "extra"),
            15 => self.change_segment(app, random),
            _ => app.database.execute(
                "UPDATE group_memberships SET added_at = added_at - interval '1 day' WHERE subscriber_id % 3 = 0; \
                 UPDATE subscribers SET city = 'c' || id % 5, updated_at = now() WHERE id % 2 = 0; \
                 DELETE FROM group_memberships WHERE subscriber_id % 5 = 0",
            ),
        }
    }

    fn import(&mut self, app: &TestApp, random: &mut Random) {
        let mut file = "email,first_name,city\n".to_owned();
        for number in 0..random.below(60) {
            let from = random.below(PEOPLE);
            file += &format!(
                "{},N{number},c{}\n",
                address(&format!("p{from}")),
                random.below(9)
            );
            file += &format!(
                "{},N{number},\n",
                address(&format!("imported{}", random.below(100)))
            );
        }
        let options = SubscriberImport {
            groups: vec!["readers".to_owned()],
            create_groups: true,
            ..SubscriberImport::default()
        };
        let imported =
            import_subscribers(app.db(), file.as_bytes(), &options, app.clock.now(), |_| {});
        imported.expect("an import");
    }

    /// Undoes the last import, unless somebody has changed since whom it changed.
    fn undo_import(&mut self, app: &TestApp) {
        let now = app.clock.now();
        let last = app
            .database
            .ask("SELECT max(id) FROM imports WHERE state = 'succeeded'");
        let Ok(last) = last.parse() else { return };
        let asked = app
            .db()
            .run_here(|connection| ask_to_undo(connection, last, now));
        if asked.is_ok() && undo_asked(app.db(), last, now).is_ok() {
            self.undone_imports += 1;
        }
    }

    fn act(&mut self, app: &TestApp, random: &mut Random) {
        let action = match random.below(4) {
            0 => json!({"addToGroup": "staff"}),
            1 => json!({"removeFromGroup": "staff"}),
            2 => json!({"setField": {"field": "status", "value": "PENDING"}}),
            _ => json!({"setField": {"field": "city", "value": "Vilnius"}}),
        };
        change_group(app, "addToGroup", "staff", "nobody");
        let payload = app.payload(
            "mutation ($action: BulkChangeInput!, $rule: JSON!) { createBulkAction(input: {ruleJson: $rule, action: $action}) { bulkAction { id } userErrors { message } } }",
            json!({"action": action, "rule": super::country("LT")}),
        );
        self.last_action = payload["bulkAction"]["id"].as_str().map(str::to_owned);
        run_actions(app);
    }

    fn undo_action(&mut self, app: &TestApp) {
        let Some(id) = self.last_action.take() else {
            return;
        };
        let payload = app.payload(
            "mutation ($id: ID!) { undoBulkAction(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": id }),
        );
        run_actions(app);
        if payload["userErrors"] == json!([]) {
            self.undone_actions += 1;
        }
    }

    /// Makes a segment, or gives it another rule.
    fn change_segment(&mut self, app: &TestApp, random: &mut Random) {
        let rule = super::country(["LT", "LV"][random.below(2)]);
        match id_of(app, "segment", "extra") {
            Some(id) => app.mutate(
                "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
                json!({"id": id, "rule": rule}),
            ),
            None => app.mutate(
                "mutation ($rule: JSON!) { createSegment(input: {key: \"extra\", mode: INSTANT, ruleJson: $rule}) { userErrors { message } } }",
                json!({ "rule": rule }),
            ),
        };
    }
}

fn address(name: &str) -> String {
    format!("{name}@example.com")
}

fn run_actions(app: &TestApp) {
    let is_stopping = AtomicBool::new(false);
    while run_next(app.db(), &app.app.refresh, &is_stopping)
        .expect("it runs")
        .is_some()
    {}
}

fn id_of(app: &TestApp, noun: &str, key: &str) -> Option<Value> {
    let document = format!("query ($key: String!) {{ {noun}(key: $key) {{ id }} }}");
    let found = app.query(&document, json!({ "key": key }));
    found[noun].get("id").cloned()
}

/// Changes a group, which is made first where it does not exist.
fn change_group(app: &TestApp, mutation: &str, group: &str, name: &str) {
    app.respond(
        "mutation ($key: String!) { createGroup(input: {key: $key}) { userErrors { code } } }",
        json!({ "key": group }),
    );
    let document = format!(
        "mutation ($group: String!, $emails: [String!]!) {{ {mutation}(input: {{group: $group, emails: $emails}}) {{ userErrors {{ message }} }} }}"
    );
    app.mutate(
        &document,
        json!({"group": group, "emails": [address(name)]}),
    );
}

fn remove(app: &TestApp, mutation: &str, noun: &str, key: &str) {
    if let Some(id) = id_of(app, noun, key) {
        app.mutate(
            &format!("mutation ($id: ID!) {{ {mutation}(input: {{id: $id}}) {{ userErrors {{ message }} }} }}"),
            json!({ "id": id }),
        );
    }
}
