//! Changes of webhooks.

use super::{WebhookAttempt, WebhookNode, WebhookType};
use crate::audience::api_key::Scope;
use crate::audience::audit::{self, TargetKind, Trace};
use crate::error::Error;
use crate::graphql::engine::change::{change, entry};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split};
use crate::graphql::engine::id::{IdKind, input_id};
use crate::graphql::types::subscriber::input::keep;
use crate::webhook::{self, Draft, Secret, Webhook};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// A webhook to create.
#[derive(InputObject, Clone)]
pub struct CreateWebhookInput {
    /// What the webhook is for.
    pub name: String,
    /// The URL that messages are sent to: an https URL with a public address, unless the server was started with
    /// `--webhook-allow-http` or `--webhook-allow-private`.
    pub url: String,
    /// The types of message the webhook receives: one or more.
    pub types: Vec<WebhookType>,
    /// The keys of the segments to follow; all if absent.
    pub segments: Option<Vec<String>>,
    /// The keys of the groups to follow; all if absent.
    pub groups: Option<Vec<String>>,
    /// The fields of subscribers in messages, besides `id` and `email`: `firstName`, `custom.KEY` and so on.
    pub fields: Option<Vec<String>>,
    /// The most subscribers in one message, from 1 to 1,000; 500 if absent.
    pub people_per_message: Option<i32>,
    /// Whether messages are sent; true if absent.
    pub is_enabled: Option<bool>,
}

/// The webhook with its secret, or the errors.
#[derive(SimpleObject)]
pub struct CreateWebhookPayload {
    /// The webhook.
    pub webhook: Option<WebhookNode>,
    /// The secret with which the receiver checks signatures. It is shown only this once.
    pub secret: Option<String>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The changes to a webhook; absent values stay as they are.
#[derive(InputObject, Clone)]
pub struct UpdateWebhookInput {
    /// The global id of the webhook.
    pub id: ID,
    /// The version that you have read. If the webhook has another one, nothing is changed and the answer is CONFLICT.
    pub if_version: Option<i32>,
    /// What the webhook is for.
    pub name: MaybeUndefined<String>,
    /// The URL that messages are sent to.
    pub url: MaybeUndefined<String>,
    /// The types of message the webhook receives.
    pub types: MaybeUndefined<Vec<WebhookType>>,
    /// The keys of the segments to follow; null clears them, and all are followed.
    pub segments: MaybeUndefined<Vec<String>>,
    /// The keys of the groups to follow; null clears them, and all are followed.
    pub groups: MaybeUndefined<Vec<String>>,
    /// The fields of subscribers in messages, besides `id` and `email`.
    pub fields: MaybeUndefined<Vec<String>>,
    /// The most subscribers in one message.
    pub people_per_message: MaybeUndefined<i32>,
    /// Whether messages are sent. A webhook that is enabled again continues at once where it stopped.
    pub is_enabled: MaybeUndefined<bool>,
}

/// The webhook, or the errors.
#[derive(SimpleObject)]
pub struct UpdateWebhookPayload {
    /// The webhook as it is now.
    pub webhook: Option<WebhookNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which webhook to delete.
#[derive(InputObject, Clone)]
pub struct DeleteWebhookInput {
    /// The global id of the webhook.
    pub id: ID,
    /// The version that you have read. If the webhook has another one, it is not deleted and the answer is CONFLICT.
    pub if_version: Option<i32>,
}

/// Whether the webhook was deleted.
#[derive(SimpleObject)]
pub struct DeleteWebhookPayload {
    /// The global id of the deleted webhook.
    pub deleted_id: Option<ID>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which webhook to give a new secret.
#[derive(InputObject, Clone)]
pub struct RotateWebhookSecretInput {
    /// The global id of the webhook.
    pub id: ID,
}

/// The webhook with its new secret, or the errors.
#[derive(SimpleObject)]
pub struct RotateWebhookSecretPayload {
    /// The webhook.
    pub webhook: Option<WebhookNode>,
    /// The new secret. It is shown only this once.
    pub secret: Option<String>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which webhook to test.
#[derive(InputObject, Clone)]
pub struct SendTestWebhookInput {
    /// The global id of the webhook.
    pub id: ID,
}

/// The result of the test, or the errors.
#[derive(SimpleObject)]
pub struct SendTestWebhookPayload {
    /// The attempt, with the answer of the receiver.
    pub attempt: Option<WebhookAttempt>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which webhook to replay, and from when.
#[derive(InputObject, Clone)]
pub struct ReplayWebhookInput {
    /// The global id of the webhook.
    pub id: ID,
    /// Everything that changed after this moment is sent again. The present time skips all waiting messages.
    pub since: DateTime<Utc>,
}

/// The webhook, or the errors.
#[derive(SimpleObject)]
pub struct ReplayWebhookPayload {
    /// The webhook as it is now.
    pub webhook: Option<WebhookNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of webhooks.
#[derive(Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Creates a webhook that receives changes from now on, and shows its secret, once. For ADMIN.
    async fn create_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: CreateWebhookInput,
    ) -> async_graphql::Result<CreateWebhookPayload> {
        context.require(Scope::Admin, "Mutation.createWebhook")?;
        let app = context.app()?;
        let (now, rules) = (app.now(), app.webhooks.sender.rules);
        let types = input.types.into_iter().map(Into::into).collect();
        let draft = Draft {
            name: Some(input.name),
            url: Some(input.url),
            types: Some(types),
            segments: Some(input.segments),
            groups: Some(input.groups),
            fields: input.fields,
            people_per_message: input.people_per_message,
            is_enabled: input.is_enabled,
        };
        let entry = entry(context)?;
        let made = app
            .db
            .run(move |connection| webhook::create(connection, &draft, rules, now, &entry));
        let (webhook, secret, user_errors) = with_secret(split(made.await)?);
        Ok(CreateWebhookPayload {
            webhook,
            secret,
            user_errors,
        })
    }

    /// Changes a webhook. For ADMIN.
    async fn update_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook and the values.")] input: UpdateWebhookInput,
    ) -> async_graphql::Result<UpdateWebhookPayload> {
        context.require(Scope::Admin, "Mutation.updateWebhook")?;
        let app = context.app()?;
        let (now, rules) = (app.now(), app.webhooks.sender.rules);
        let result = change(context, move |connection| {
            let draft = read_changes(input.clone())?;
            let id = input_id(&input.id, IdKind::Webhook)?;
            let webhook = webhook::update(connection, id, &draft, input.if_version, rules, now)?;
            let trace = trace(&webhook);
            Ok((webhook, trace))
        });
        let (webhook, user_errors) = parts(split(result.await)?);
        Ok(UpdateWebhookPayload {
            webhook,
            user_errors,
        })
    }

    /// Deletes a webhook with its attempts. For ADMIN.
    async fn delete_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: DeleteWebhookInput,
    ) -> async_graphql::Result<DeleteWebhookPayload> {
        context.require(Scope::Admin, "Mutation.deleteWebhook")?;
        let id = input.id.clone();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Webhook)?;
            let deleted = webhook::delete(connection, id, input.if_version)?;
            Ok((deleted, Trace::of(TargetKind::Webhook, id)))
        });
        let (deleted_id, user_errors) = match split(result.await)? {
            Ok(_) => (Some(id), Vec::new()),
            Err(user_errors) => (None, user_errors),
        };
        Ok(DeleteWebhookPayload {
            deleted_id,
            user_errors,
        })
    }

    /// Gives a webhook a new secret and shows it, once. For 24 hours messages are also signed with the former secret,
    /// so that the receiver can switch. For ADMIN.
    async fn rotate_webhook_secret(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: RotateWebhookSecretInput,
    ) -> async_graphql::Result<RotateWebhookSecretPayload> {
        context.require(Scope::Admin, "Mutation.rotateWebhookSecret")?;
        let now = context.app()?.now();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Webhook)?;
            let rotated = webhook::rotate(connection, id, now)?;
            let trace = trace(&rotated.0);
            Ok((rotated, trace))
        });
        let (webhook, secret, user_errors) = with_secret(split(result.await)?);
        Ok(RotateWebhookSecretPayload {
            webhook,
            secret,
            user_errors,
        })
    }

    /// Sends a message of the type `webhook.test` and returns the answer of the receiver, within 20 seconds. Fails with
    /// the code TOO_MANY_OPERATIONS while another test of the webhook runs, or several tests of other webhooks. For
    /// ADMIN.
    async fn send_test_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: SendTestWebhookInput,
    ) -> async_graphql::Result<SendTestWebhookPayload> {
        context.require(Scope::Admin, "Mutation.sendTestWebhook")?;
        let delivery = context.app()?.delivery();
        let id = input_id(&input.id, IdKind::Webhook);
        let (db, entry) = (context.app()?.db.clone(), entry(context)?);
        let sending = tokio::task::spawn_blocking(move || {
            let id = id?;
            let attempt = delivery.send_test(id)?;
            // Not in the transaction of the attempt: no transaction waits for a receiver.
            let trace = Trace::of(TargetKind::Webhook, id);
            db.run_here(|connection| audit::write(connection, &entry, &trace))?;
            Ok(attempt)
        });
        let sent = sending.await;
        let sent = sent.unwrap_or_else(|stopped| Err(Error::Internal(stopped.to_string())));
        let (attempt, user_errors) = match split(sent)? {
            Ok(attempt) => (Some(WebhookAttempt(attempt)), Vec::new()),
            Err(user_errors) => (None, user_errors),
        };
        Ok(SendTestWebhookPayload {
            attempt,
            user_errors,
        })
    }

    /// Sends a webhook all messages since a past moment again, with new message ids. For ADMIN.
    async fn replay_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The webhook and the moment.")] input: ReplayWebhookInput,
    ) -> async_graphql::Result<ReplayWebhookPayload> {
        context.require(Scope::Admin, "Mutation.replayWebhook")?;
        let app = context.app()?;
        let (now, entry) = (app.now(), entry(context)?);
        let result = app.db.run(move |connection| {
            let id = input_id(&input.id, IdKind::Webhook)?;
            webhook::replay(connection, id, input.since, now, &entry)
        });
        let (webhook, user_errors) = parts(split(result.await)?);
        Ok(ReplayWebhookPayload {
            webhook,
            user_errors,
        })
    }
}

fn trace(webhook: &Webhook) -> Trace {
    Trace::of(TargetKind::Webhook, webhook.id)
}

fn read_changes(input: UpdateWebhookInput) -> Result<Draft, Error> {
    let types = keep(input.types, "types")?;
    let types = types.map(|types| types.into_iter().map(Into::into).collect());
    // For these fields null has a meaning: all segments or groups are followed.
    let filter = |keys: MaybeUndefined<Vec<String>>| match keys {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(keys) => Some(Some(keys)),
    };
    Ok(Draft {
        name: keep(input.name, "name")?,
        url: keep(input.url, "url")?,
        types,
        segments: filter(input.segments),
        groups: filter(input.groups),
        fields: keep(input.fields, "fields")?,
        people_per_message: keep(input.people_per_message, "peoplePerMessage")?,
        is_enabled: keep(input.is_enabled, "isEnabled")?,
    })
}

fn parts(result: Result<Webhook, Vec<UserError>>) -> (Option<WebhookNode>, Vec<UserError>) {
    match result {
        Ok(webhook) => (Some(WebhookNode(webhook)), Vec::new()),
        Err(user_errors) => (None, user_errors),
    }
}

type WithSecret = (Option<WebhookNode>, Option<String>, Vec<UserError>);

fn with_secret(result: Result<(Webhook, Secret), Vec<UserError>>) -> WithSecret {
    match result {
        Ok((webhook, secret)) => (
            Some(WebhookNode(webhook)),
            Some(secret.reveal()),
            Vec::new(),
        ),
        Err(user_errors) => (None, None, user_errors),
    }
}
