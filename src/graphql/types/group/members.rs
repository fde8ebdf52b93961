//! Adding subscribers to groups, and removing them.

use super::GroupNode;
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::clean::clean_email;
use crate::audience::group::{self, Group, MemberChange};
use crate::audience::subscriber::find_ids_by_emails;
use crate::error::Error;
use crate::graphql::engine::change::change;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split};
use crate::graphql::engine::id::{IdKind, parse_global};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// The most subscribers that can be added or removed at once.
const MAX_MEMBERS: usize = 10_000;

/// Subscribers to add to a group, by id or e-mail address or both.
#[derive(InputObject)]
pub struct AddToGroupInput {
    /// The key of the group.
    pub group: String,
    /// Global ids of subscribers.
    #[graphql(default)]
    pub subscriber_ids: Vec<ID>,
    /// E-mail addresses of subscribers. At most 10,000 ids and addresses together.
    #[graphql(default)]
    pub emails: Vec<String>,
}

/// The counts of added subscribers, or the errors.
#[derive(SimpleObject, Default)]
pub struct AddToGroupPayload {
    /// The group.
    pub group: Option<GroupNode>,
    /// How many subscribers were added.
    pub added_count: i32,
    /// How many subscribers were in the group already.
    pub unchanged_count: i32,
    /// How many of the ids and addresses belong to no subscriber.
    pub unknown_count: i32,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Subscribers to remove from a group, by id or e-mail address or both.
#[derive(InputObject)]
pub struct RemoveFromGroupInput {
    /// The key of the group.
    pub group: String,
    /// Global ids of subscribers.
    #[graphql(default)]
    pub subscriber_ids: Vec<ID>,
    /// E-mail addresses of subscribers. At most 10,000 ids and addresses together.
    #[graphql(default)]
    pub emails: Vec<String>,
}

/// The counts of removed subscribers, or the errors.
#[derive(SimpleObject, Default)]
pub struct RemoveFromGroupPayload {
    /// The group.
    pub group: Option<GroupNode>,
    /// How many subscribers were removed.
    pub removed_count: i32,
    /// How many subscribers were not in the group.
    pub unchanged_count: i32,
    /// How many of the ids and addresses belong to no subscriber.
    pub unknown_count: i32,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of the members of groups.
#[derive(Default)]
pub struct GroupMemberMutation;

#[Object]
impl GroupMemberMutation {
    /// Adds subscribers to a group. Existing members stay as they are.
    async fn add_to_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group and the subscribers.")] input: AddToGroupInput,
    ) -> async_graphql::Result<AddToGroupPayload> {
        let now = context.app()?.now();
        let members = read_members(input.subscriber_ids, input.emails);
        let result = change_members(context, input.group, members, move |connection, id, ids| {
            group::add_members(connection, id, ids, "api", now)
        });
        Ok(match result.await? {
            Ok((group, change)) => AddToGroupPayload {
                group: Some(GroupNode(group.into())),
                added_count: number(change.changed),
                unchanged_count: number(change.unchanged),
                unknown_count: number(change.unknown),
                user_errors: Vec::new(),
            },
            Err(user_errors) => AddToGroupPayload {
                user_errors,
                ..Default::default()
            },
        })
    }

    /// Removes subscribers from a group. Subscribers who are not in the group are counted in `unchangedCount`.
    async fn remove_from_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group and the subscribers.")] input: RemoveFromGroupInput,
    ) -> async_graphql::Result<RemoveFromGroupPayload> {
        let members = read_members(input.subscriber_ids, input.emails);
        let result = change_members(context, input.group, members, group::remove_members);
        Ok(match result.await? {
            Ok((group, change)) => RemoveFromGroupPayload {
                group: Some(GroupNode(group.into())),
                removed_count: number(change.changed),
                unchanged_count: number(change.unchanged),
                unknown_count: number(change.unknown),
                user_errors: Vec::new(),
            },
            Err(user_errors) => RemoveFromGroupPayload {
                user_errors,
                ..Default::default()
            },
        })
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Subscribers named by id and by e-mail address.
struct Members {
    ids: Vec<i64>,
    emails: Vec<String>,
}

fn read_members(ids: Vec<ID>, emails: Vec<String>) -> Result<Members, Vec<UserError>> {
    let asked = ids.len() + emails.len();
    if asked == 0 || asked > MAX_MEMBERS {
        let message = format!("expected 1 to {MAX_MEMBERS} ids and addresses, found {asked}");
        return Err(vec![UserError::new(
            UserErrorCode::Invalid,
            "subscriberIds",
            message,
        )]);
    }
    let mut errors = Vec::new();
    let mut members = Members {
        ids: Vec::with_capacity(ids.len()),
        emails: Vec::with_capacity(emails.len()),
    };
    for (position, id) in ids.iter().enumerate() {
        match parse_global(id) {
            Some((IdKind::Subscriber, number)) => members.ids.push(number),
            _ => errors.push(UserError::new(
                UserErrorCode::Invalid,
                format!("subscriberIds[{position}]"),
                format!("expected the id of a subscriber, found \"{}\"", id.as_str()),
            )),
        }
    }
    for (position, email) in emails.iter().enumerate() {
        match clean_email(email) {
            Ok(email) => members.emails.push(email),
            Err(message) => errors.push(UserError::new(
                UserErrorCode::Invalid,
                format!("emails[{position}]"),
                message,
            )),
        }
    }
    if errors.is_empty() {
        Ok(members)
    } else {
        Err(errors)
    }
}

async fn change_members(
    context: &Context<'_>,
    key: String,
    members: Result<Members, Vec<UserError>>,
    work: impl Fn(&mut diesel::PgConnection, i64, &[i64]) -> Result<MemberChange, Error>
    + Send
    + 'static,
) -> async_graphql::Result<Result<(Group, MemberChange), Vec<UserError>>> {
    let Members { ids, mut emails } = match members {
        Ok(members) => members,
        Err(errors) => return Ok(Err(errors)),
    };
    emails.sort();
    emails.dedup();
    let result = change(context, move |connection| {
        let group = group::get_by_key(connection, &key, "group")?;
        let found = find_ids_by_emails(connection, &emails)?;
        let unknown_emails = emails.len() - found.len();
        let ids: Vec<i64> = ids.iter().chain(found.values()).copied().collect();
        let mut change = work(connection, group.id, &ids)?;
        change.unknown += unknown_emails;
        let trace = Trace::of(TargetKind::Group, group.id)
            .with_key(&group.key)
            .with_subscribers(&ids);
        Ok(((group, change), trace))
    });
    split(result.await)
}
