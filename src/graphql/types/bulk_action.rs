//! Bulk actions: jobs that change many subscribers.

use super::rule::input::{RuleInput, read_rule};
use super::subscriber::page;
use crate::audience::audit::{TargetKind, Trace};
use crate::bulk::{self, Asked, BulkAction, BulkState, Change, People};
use crate::error::Error;
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::change::change;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split, to_graphql};
use crate::graphql::engine::id::{IdKind, input_id, parse_kind, to_global};
use crate::graphql::engine::loaders::{BulkActionById, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scalar::count;
use async_graphql::{Context, Enum, ID, InputObject, Json, Object, OneofObject, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The state of a bulk action.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "BulkActionState", remote = "BulkState")]
pub enum BulkActionStateName {
    /// Queued.
    Ready,
    /// Running.
    Running,
    /// Finished: every matched subscriber was processed.
    Succeeded,
    /// Failed; what was done stays. `error` says why.
    Failed,
    /// Cancelled; what was done stays.
    Cancelled,
    /// Undo requested or in progress.
    Undoing,
    /// Undone.
    Undone,
}

/// What a bulk action does.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkActionKind {
    /// Adds subscribers to a group.
    AddToGroup,
    /// Removes subscribers from a group.
    RemoveFromGroup,
    /// Sets a field.
    SetField,
    /// Deletes subscribers.
    Delete,
}

/// One change of many subscribers, made block by block.
pub struct BulkActionNode(pub BulkAction);

impl BulkActionNode {
    fn of_people<T>(&self, pick: impl FnOnce(People) -> Option<T>) -> Nullable<T> {
        let people = self.0.people().map_err(to_graphql);
        people.map(pick).transpose()
    }

    fn of_change<T>(&self, pick: impl FnOnce(Change) -> Option<T>) -> Nullable<T> {
        let change = self.0.change().map_err(to_graphql);
        change.map(pick).transpose()
    }
}

/// One change of many subscribers, made block by block.
#[Object(name = "BulkAction")]
impl BulkActionNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::BulkAction, self.0.id)
    }

    /// The number of the bulk action. Memberships and changes of status name it as their source: `bulk 12`.
    async fn number(&self) -> i32 {
        count(self.0.id)
    }

    /// The state.
    async fn state(&self) -> BulkActionStateName {
        self.0.state().into()
    }

    /// The kind of change that it makes.
    async fn kind(&self) -> async_graphql::Result<BulkActionKind> {
        Ok(match self.0.change().map_err(to_graphql)? {
            Change::AddToGroup(_) => BulkActionKind::AddToGroup,
            Change::RemoveFromGroup(_) => BulkActionKind::RemoveFromGroup,
            Change::SetField(_) => BulkActionKind::SetField,
            Change::Delete => BulkActionKind::Delete,
        })
    }

    /// The rule that chose the subscribers; null if a segment or a group did.
    async fn rule(&self) -> Nullable<Document<Value>> {
        self.of_people(|people| match people {
            People::Rule(rule) => Some(Document(rule)),
            _ => None,
        })
    }

    /// The key of the segment whose members are changed.
    async fn segment(&self) -> Nullable<Text<String>> {
        self.of_people(|people| match people {
            People::Segment(key) => Some(key.into()),
            _ => None,
        })
    }

    /// The key of the group whose members are changed.
    async fn group(&self) -> Nullable<Text<String>> {
        self.of_people(|people| match people {
            People::Group(key) => Some(key.into()),
            _ => None,
        })
    }

    /// The key of the group that subscribers are added to or removed from.
    async fn target_group(&self) -> Nullable<Text<String>> {
        self.of_change(|change| match change {
            Change::AddToGroup(group) | Change::RemoveFromGroup(group) => Some(group.key.into()),
            _ => None,
        })
    }

    /// The field that is set, named as in rules.
    async fn field(&self) -> Nullable<Text<String>> {
        self.of_change(|change| match change {
            Change::SetField(setting) => Some(setting.field.into()),
            _ => None,
        })
    }

    /// The value that the field gets; null if it is cleared.
    async fn value(&self) -> Nullable<Document<Value>> {
        self.of_change(|change| match change {
            Change::SetField(setting) if !setting.value.is_null() => Some(Document(setting.value)),
            _ => None,
        })
    }

    /// When it was requested.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it began; all its changes have this time.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The share of the matched subscribers that are processed, from 0 to 1.
    async fn progress(&self) -> f64 {
        self.0.progress()
    }

    /// How many subscribers matched when the bulk action began. Null before that.
    async fn matched_count(&self) -> Option<i32> {
        self.0.matched.map(count)
    }

    /// How many of the matched subscribers are processed so far.
    async fn done_count(&self) -> i32 {
        count(self.0.done)
    }

    /// How many subscribers were changed so far. The others already had the new value or were deleted meanwhile.
    async fn changed_count(&self) -> i32 {
        count(self.0.changed)
    }

    /// How many subscribers kept the status UNSUBSCRIBED, BOUNCED or COMPLAINED, because re-subscribing them needs
    /// consent.
    async fn withheld_count(&self) -> i32 {
        count(self.0.withheld)
    }

    /// Why it failed; null if it did not.
    async fn error(&self) -> Option<Text<&str>> {
        self.0.error.as_deref().map(Text)
    }

    /// Whether the bulk action can be undone now; later changes that prevent it are only found by the undo itself. A
    /// deletion can never be undone.
    async fn can_undo(&self, context: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.0.can_undo(context.app()?.now()))
    }

    /// Until when it can be undone.
    async fn undo_until(&self) -> Option<DateTime<Utc>> {
        self.0.undo_until
    }

    /// When it was undone.
    async fn undone_at(&self) -> Option<DateTime<Utc>> {
        self.0.undone_at
    }

    /// Why the last requested undo was not carried out.
    async fn undo_error(&self) -> Option<Text<&str>> {
        self.0.undo_error.as_deref().map(Text)
    }
}

connection! {
    /// A page of bulk actions.
    BulkActionConnection
    /// A bulk action in a list.
    BulkActionEdge { BulkActionNode }
}

/// Queries about bulk actions.
#[derive(Default)]
pub struct BulkActionQuery;

#[Object]
impl BulkActionQuery {
    /// Returns the bulk action with that id, or null if it does not exist.
    async fn bulk_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Nullable<BulkActionNode> {
        nullable(async {
            let id = parse_kind(&id, IdKind::BulkAction, "id")?;
            let found = load_one(context.loader()?, BulkActionById(id)).await?;
            Ok(found.map(BulkActionNode))
        })
        .await
    }

    /// Lists the bulk actions, newest first.
    async fn bulk_actions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<BulkActionConnection> {
        let request = page(first, after, last, before).read("Query.bulkActions")?;
        let db = &context.app()?.db;
        let actions = db.run(move |connection| bulk::list_page(connection, &request));
        let edges = actions
            .await
            .map_err(to_graphql)?
            .map(|action| BulkActionEdge {
                cursor: write_cursor("Query.bulkActions", &action.id),
                node: BulkActionNode(action),
            });
        Ok(BulkActionConnection::new(edges, Total::BulkActions))
    }
}

/// A field to set, and its value.
#[derive(InputObject, Debug, Clone)]
pub struct BulkFieldInput {
    /// `custom.KEY` for a custom field, or one of `status`, `firstName`, `lastName`, `phone`, `country`, `region`,
    /// `city`, `postalCode`, `position`, `language`, `timezone`, `birthday` and `source`.
    pub field: String,
    /// The value, as `SubscriberValuesInput` takes it; null or absent clears the field.
    pub value: Option<Json<Value>>,
}

/// The change to make to each subscriber; exactly one of the fields.
#[derive(OneofObject, Debug, Clone)]
pub enum BulkChangeInput {
    /// Adds the subscribers to the group with this key.
    AddToGroup(String),
    /// Removes the subscribers from the group with this key.
    RemoveFromGroup(String),
    /// Sets a field. A status that needs consent stays as it is and is counted in `withheldCount`.
    SetField(BulkFieldInput),
    /// `true` deletes the subscribers, as `deleteSubscriber` does. A deletion cannot be undone.
    Delete(bool),
}

/// Which subscribers to change, and how. Choose them by exactly one of `rule`, `ruleJson`, `segment` and `group`.
#[derive(InputObject)]
pub struct CreateBulkActionInput {
    /// The subscribers that match this rule.
    pub rule: Option<RuleInput>,
    /// The subscribers that match this rule, as JSON of the same shape.
    pub rule_json: Option<Json<Value>>,
    /// The members of the segment with this key, as of its last refresh. A segment that is PENDING is refreshed first.
    pub segment: Option<String>,
    /// The members of the group with this key.
    pub group: Option<String>,
    /// The change to make.
    pub action: BulkChangeInput,
}

impl CreateBulkActionInput {
    fn read(self) -> Result<(People, Asked), UserError> {
        let rule = read_rule(self.rule, self.rule_json)?;
        let people = match (rule, self.segment, self.group) {
            (Some(rule), None, None) => People::Rule(rule),
            (None, Some(segment), None) => People::Segment(segment),
            (None, None, Some(group)) => People::Group(group),
            _ => {
                let message =
                    "expected exactly one of \"rule\", \"ruleJson\", \"segment\" and \"group\"";
                return Err(UserError::new(UserErrorCode::Invalid, "", message));
            }
        };
        let asked = match self.action {
            BulkChangeInput::AddToGroup(key) => Asked::AddToGroup(key),
            BulkChangeInput::RemoveFromGroup(key) => Asked::RemoveFromGroup(key),
            BulkChangeInput::SetField(BulkFieldInput { field, value }) => Asked::SetField {
                field,
                value: value.map(|Json(value)| value).unwrap_or_default(),
            },
            BulkChangeInput::Delete(true) => Asked::Delete,
            BulkChangeInput::Delete(false) => {
                let message = "expected true, found false";
                return Err(UserError::new(
                    UserErrorCode::Invalid,
                    "action.delete",
                    message,
                ));
            }
        };
        Ok((people, asked))
    }
}

/// Which bulk action.
#[derive(InputObject)]
pub struct BulkActionIdInput {
    /// The global id of the bulk action.
    pub id: ID,
}

/// The bulk action as it is now, or the errors.
#[derive(SimpleObject, Default)]
pub struct BulkActionPayload {
    /// The bulk action.
    pub bulk_action: Option<BulkActionNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of many subscribers at once.
#[derive(Default)]
pub struct BulkActionMutation;

#[Object]
impl BulkActionMutation {
    /// Creates a bulk action. It starts by itself after earlier bulk actions and continues if a server dies. It changes
    /// the subscribers that match when it starts.
    async fn create_bulk_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which subscribers to change, and how.")] input: CreateBulkActionInput,
    ) -> async_graphql::Result<BulkActionPayload> {
        let (people, asked) = match input.read() {
            Ok(read) => read,
            Err(error) => {
                return Ok(BulkActionPayload {
                    bulk_action: None,
                    user_errors: vec![error],
                });
            }
        };
        let app = context.app()?;
        let now = app.now();
        let created = change(context, move |connection| {
            let action = bulk::create(connection, &people, &asked, now)?;
            let trace = trace(&action);
            Ok((action, trace))
        })
        .await;
        app.bulk_ready.notify_one();
        payload(created)
    }

    /// Cancels a bulk action. A running one stops soon; what is done stays and can be undone. An undo that was
    /// requested and has not begun is cancelled.
    async fn cancel_bulk_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The bulk action.")] input: BulkActionIdInput,
    ) -> async_graphql::Result<BulkActionPayload> {
        let now = context.app()?.now();
        let cancelled = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::BulkAction)?;
            let action = bulk::ask_to_stop(connection, id, now)?;
            let trace = trace(&action);
            Ok((action, trace))
        });
        payload(cancelled.await)
    }

    /// Undoes a bulk action. Its state is UNDOING at first, then UNDONE. Refused if a later change of the field that
    /// was set would be lost; `undoError` then says so. Memberships that were changed again since stay as they are.
    async fn undo_bulk_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The bulk action.")] input: BulkActionIdInput,
    ) -> async_graphql::Result<BulkActionPayload> {
        let app = context.app()?;
        let now = app.now();
        let asked = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::BulkAction)?;
            let action = bulk::ask_to_undo(connection, id, now)?;
            let trace = trace(&action);
            Ok((action, trace))
        })
        .await;
        app.bulk_ready.notify_one();
        payload(asked)
    }
}

fn trace(action: &BulkAction) -> Trace {
    Trace::of(TargetKind::BulkAction, action.id)
}

fn payload(result: Result<BulkAction, Error>) -> async_graphql::Result<BulkActionPayload> {
    Ok(match split(result)? {
        Ok(action) => BulkActionPayload {
            bulk_action: Some(BulkActionNode(action)),
            user_errors: Vec::new(),
        },
        Err(user_errors) => BulkActionPayload {
            bulk_action: None,
            user_errors,
        },
    })
}

at_hand!(BulkActionNode {});
