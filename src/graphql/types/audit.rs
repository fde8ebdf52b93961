//! The audit log.

use super::subscriber::page;
use crate::audience::actor::ActorKind;
use crate::audience::api_key::Scope;
use crate::audience::audit::TargetKind;
use crate::audience::audit_list::{self, AuditEntry, AuditFilter, AuditKey};
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{IdKind, parse_global, parse_kind, to_global};
use crate::graphql::engine::loaders::{AuditOf, Total, load_one};
use crate::graphql::engine::scalar::count;
use crate::rule::check_moment;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// The kind of an actor.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ActorKind", name = "ActorKind")]
pub enum ActorKindName {
    /// A program with an API key.
    ApiKey,
    /// A browser that signed in with an API key.
    Session,
    /// A command such as `rollcall key create`.
    CommandLine,
    /// The server itself, such as at the end of an import.
    System,
    /// An unknown client: the server has no API keys, or the client sent no valid key.
    Nobody,
}

/// The kind of the target of an action.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "TargetKind")]
pub enum AuditTargetType {
    /// A subscriber, or a list of them.
    Subscriber,
    /// A group or its members.
    Group,
    /// A segment.
    Segment,
    /// A custom field.
    CustomField,
    /// Events.
    Event,
    /// A refresh.
    Refresh,
    /// An import.
    Import,
    /// A bulk action.
    BulkAction,
    /// An API key or its sessions.
    ApiKey,
    /// A webhook.
    Webhook,
    /// The settings.
    Settings,
    /// The audit log itself.
    AuditLog,
    /// The tables of the database.
    Database,
}

/// The actor of an entry: an API key, a command, a session or the server.
#[derive(SimpleObject)]
pub struct Actor {
    /// The kind of the actor.
    pub kind: ActorKindName,
    /// The name of the API key at that time, or the user of the operating system who ran the command.
    pub name: Option<Text<String>>,
    /// The beginning of the API key, by which it is recognised.
    pub key_prefix: Option<String>,
}

impl Actor {
    /// Reads an actor from its columns in the database. An unknown kind of actor is read as NOBODY.
    pub fn read(kind: &str, name: Option<&String>, key_prefix: Option<&String>) -> Actor {
        Actor {
            kind: ActorKind::find(kind).unwrap_or(ActorKind::Nobody).into(),
            name: name.cloned().map(Text),
            key_prefix: key_prefix.cloned(),
        }
    }
}

/// The target of an action.
#[derive(SimpleObject)]
pub struct AuditEntryTarget {
    /// The kind of the target.
    pub r#type: AuditTargetType,
    /// The global id of the target, also after the target was deleted; null if it has none, such as a list of
    /// subscribers.
    pub id: Option<ID>,
    /// The key of a group, segment or custom field, or the prefix of an API key. For `loseAuditLog`, the period of the
    /// lost entries, as `FROM/TO`.
    pub key: Option<Text<String>>,
}

/// An entry of the audit log: an action, its actor and its target.
pub struct AuditEntryNode(AuditEntry);

/// An entry of the audit log: an action, its actor and its target.
#[Object(name = "AuditEntry")]
impl AuditEntryNode {
    /// When it happened, by the clock of the server or the command.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The name of the action: a mutation, or another recorded action such as `signIn` or `exportPerson`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The actor.
    async fn actor(&self) -> Actor {
        let AuditEntry {
            actor,
            actor_name,
            api_key_prefix,
            ..
        } = &self.0;
        Actor::read(actor, actor_name.as_ref(), api_key_prefix.as_ref())
    }

    /// The global id of the API key with which the action was done, if there was one.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(|id| to_global(IdKind::ApiKey, id))
    }

    /// The number of the session in which the action was done, if there was one.
    async fn session_number(&self) -> Option<i32> {
        self.0.session_id.map(count)
    }

    /// The IP address from which the request came; behind a proxy, the address of the proxy.
    async fn peer(&self) -> Option<&str> {
        self.0.peer.as_deref()
    }

    /// The id of the request in the log of the server.
    async fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The target of the action.
    async fn target(&self) -> Option<AuditEntryTarget> {
        let kind = TargetKind::find(self.0.target.as_deref()?)?;
        let id = self.0.target_id.zip(global_kind(kind));
        Some(AuditEntryTarget {
            r#type: kind.into(),
            id: id.map(|(id, kind)| to_global(kind, id)),
            key: self.0.target_key.clone().map(Text),
        })
    }

    /// The global ids of the subscribers of a list, at most 100 of them; `count` has their number.
    async fn subscriber_ids(&self) -> Vec<ID> {
        let ids = self.0.subscriber_ids.iter().flatten().flatten();
        ids.map(|id| to_global(IdKind::Subscriber, *id)).collect()
    }

    /// How many subscribers the list had, or how many refused requests the entry stands for.
    async fn count(&self) -> Option<i32> {
        self.0.count.map(count)
    }

    /// The names of the fields that were set, such as `country` and `custom.plan`; never their values.
    async fn fields(&self) -> Vec<Text<&str>> {
        let fields = self.0.fields.iter().flatten();
        fields.map(|field| Text(field.as_str())).collect()
    }

    /// The version of the segment's rule before the action, if the action changed it.
    async fn definition_version_before(&self) -> Option<i32> {
        self.0.version_before
    }

    /// The version of the segment's rule after the action, if the action changed it.
    async fn definition_version_after(&self) -> Option<i32> {
        self.0.version_after
    }
}

/// Returns the kind of a target's global id, or `None` if such targets have no global id.
fn global_kind(kind: TargetKind) -> Option<IdKind> {
    Some(match kind {
        TargetKind::Subscriber => IdKind::Subscriber,
        TargetKind::Group => IdKind::Group,
        TargetKind::Segment => IdKind::Segment,
        TargetKind::CustomField => IdKind::CustomField,
        TargetKind::Event => IdKind::Event,
        TargetKind::Refresh => IdKind::Refresh,
        TargetKind::Import => IdKind::Import,
        TargetKind::BulkAction => IdKind::BulkAction,
        TargetKind::ApiKey => IdKind::ApiKey,
        TargetKind::Webhook => IdKind::Webhook,
        TargetKind::Settings | TargetKind::AuditLog | TargetKind::Database => return None,
    })
}

connection! {
    /// A page of the audit log.
    AuditEntryConnection
    /// An entry of the audit log.
    AuditEntryEdge { AuditEntryNode }
}

/// Which entries to list: those that match every field given.
#[derive(InputObject, Debug, Clone, Default)]
pub struct AuditFilterInput {
    /// Only entries with one of these actions, such as `updateSegment`.
    pub actions: Option<Vec<String>>,
    /// Only entries whose actor is of one of these kinds.
    pub actor_kinds: Option<Vec<ActorKindName>>,
    /// Only entries of actions done with the API key of this global id.
    pub api_key_id: Option<ID>,
    /// Only entries of API keys with this name or prefix, and of commands that this user of the operating system ran.
    pub actor_name: Option<String>,
    /// Only entries of actions on the target with this global id, which may be deleted by now. A subscriber is also
    /// found in entries with a list, if it is one of the first 100 of the list.
    pub target_id: Option<ID>,
    /// Only entries from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Only entries before this time.
    pub to: Option<DateTime<Utc>>,
}

impl AuditFilterInput {
    fn read(self) -> async_graphql::Result<AuditFilter> {
        let moment = |moment: Option<DateTime<Utc>>, path: &str| {
            let checked = moment.map(check_moment).transpose();
            checked.map_err(|message| bad_input(format!("filter.{path}: {message}")))
        };
        let api_key_id = self.api_key_id.as_ref();
        let api_key_id = api_key_id.map(|id| parse_kind(id, IdKind::ApiKey, "filter.apiKeyId"));
        let target = self.target_id.as_ref().map(read_target).transpose()?;
        let actors = self.actor_kinds;
        // No stored text has a NUL character, and Postgres accepts no text with one.
        let stored = |text: &String| !text.contains('\0');
        Ok(AuditFilter {
            actions: self
                .actions
                .map(|actions| actions.into_iter().filter(stored).collect()),
            actors: actors.map(|kinds| kinds.into_iter().map(Into::into).collect()),
            api_key_id: api_key_id.transpose()?,
            actor_name: self.actor_name.map(|name| name.replace('\0', "\u{fffd}")),
            target,
            from: moment(self.from, "from")?,
            to: moment(self.to, "to")?,
        })
    }
}

fn read_target(id: &ID) -> async_graphql::Result<(TargetKind, i64)> {
    let (kind, number) = parse_global(id).ok_or_else(|| {
        bad_input(format!(
            "filter.targetId: expected a global id such as that of `AuditEntry.target`, found \"{}\"",
            crate::rule::shorten(id.as_str())
        ))
    })?;
    let mut kinds = TargetKind::ALL.into_iter();
    let found = kinds.find(|target| global_kind(*target) == Some(kind));
    let target = found.ok_or_else(|| {
        bad_input(format!(
            "filter.targetId: the audit log has no entries about {}",
            kind.with_article()
        ))
    })?;
    Ok((target, number))
}

fn edge(list: &str, entry: AuditEntry) -> AuditEntryEdge {
    AuditEntryEdge {
        cursor: write_cursor(list, &entry.key()),
        node: AuditEntryNode(entry),
    }
}

/// Lists a page of the entries about a segment.
pub async fn page_of_segment(
    context: &Context<'_>,
    segment_id: i64,
    arguments: crate::graphql::engine::connection::PageArguments,
) -> async_graphql::Result<AuditEntryConnection> {
    context.require(Scope::Admin, "Segment.auditLog")?;
    let request = arguments.read::<AuditKey>("Segment.auditLog")?;
    let page = load_one(context.loader()?, AuditOf((segment_id, request))).await?;
    let edges = page
        .unwrap_or_default()
        .map(|entry| edge("Segment.auditLog", entry));
    Ok(AuditEntryConnection::new(edges, Total::AuditOf(segment_id)))
}

/// Queries about the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Lists the audit log, newest first: every mutation, sign-in, export, import, command that writes, and refused
    /// key. For ADMIN. The entries have ids and names of fields, but no values of subscribers.
    async fn audit_log(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which entries to list; all if absent.")] filter: Option<AuditFilterInput>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<AuditEntryConnection> {
        context.require(Scope::Admin, "Query.auditLog")?;
        let request = page(first, after, last, before).read::<AuditKey>("Query.auditLog")?;
        let filter = filter.unwrap_or_default().read()?;
        let asked = filter.clone();
        let db = &context.app()?.db;
        let entries = db.run(move |connection| audit_list::list_page(connection, &asked, &request));
        let edges = entries.await.map_err(to_graphql)?;
        let edges = edges.map(|entry| edge("Query.auditLog", entry));
        Ok(AuditEntryConnection::new(edges, Total::Audit(filter)))
    }
}

at_hand!(AuditEntryNode {});
