//! API keys.

use super::subscriber::page;
use crate::audience::api_key::{self, ApiKey, Scope, Secret};
use crate::audience::audit::{TargetKind, Trace};
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::change::change;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split, to_graphql};
use crate::graphql::engine::id::{IdKind, input_id, to_global};
use crate::graphql::engine::loaders::Total;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// What an API key may do.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Scope")]
pub enum ApiKeyScope {
    /// Read everything about the audience.
    Read,
    /// Change the audience. A key with WRITE alone sees whether its mutations worked and nothing else.
    Write,
    /// Everything that READ and WRITE allow, and also API keys, webhooks, settings and the audit log.
    Admin,
}

/// A key with which a program uses the API. The secret itself is stored nowhere.
pub struct ApiKeyNode(pub ApiKey);

/// A key with which a program uses the API. The secret itself is stored nowhere.
#[Object(name = "ApiKey")]
impl ApiKeyNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::ApiKey, self.0.id)
    }

    /// What the key is for.
    async fn name(&self) -> Text<&str> {
        Text(&self.0.name)
    }

    /// The beginning of the key, by which it is recognised.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What the key may do.
    async fn scopes(&self) -> Vec<ApiKeyScope> {
        let scopes = self.0.scopes.list().into_iter();
        scopes.map(ApiKeyScope::from).collect()
    }

    /// Whether the key is neither revoked nor expired.
    async fn is_usable(&self, context: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.0.is_usable(context.app()?.now()))
    }

    /// When the key was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the key expires; null if it never does.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When the key was revoked.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }

    /// When the key was last used, to the minute.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }
}

connection! {
    /// A page of API keys.
    ApiKeyConnection
    /// An API key in a list.
    ApiKeyEdge { ApiKeyNode }
}

/// Queries about API keys.
#[derive(Default)]
pub struct ApiKeyQuery;

#[Object]
impl ApiKeyQuery {
    /// Lists the API keys, oldest first, revoked ones too. For ADMIN.
    async fn api_keys(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<ApiKeyConnection> {
        context.require(Scope::Admin, "Query.apiKeys")?;
        let request = page(first, after, last, before).read("Query.apiKeys")?;
        let db = &context.app()?.db;
        let keys = db.run(move |connection| api_key::list_page(connection, &request));
        let edges = keys.await.map_err(to_graphql)?.map(|key| ApiKeyEdge {
            cursor: write_cursor("Query.apiKeys", &key.id),
            node: ApiKeyNode(key),
        });
        Ok(ApiKeyConnection::new(edges, Total::ApiKeys))
    }
}

/// An API key to create.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// What the key is for.
    pub name: String,
    /// What the key may do: one scope or more.
    pub scopes: Vec<ApiKeyScope>,
    /// When the key expires; it never does if absent.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The API key with its secret, or the errors.
#[derive(SimpleObject)]
pub struct CreateApiKeyPayload {
    /// The API key.
    pub api_key: Option<ApiKeyNode>,
    /// The whole key, for the header `Authorization: Bearer KEY`. It is shown only this once and stored nowhere.
    pub secret: Option<String>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which API key to revoke.
#[derive(InputObject)]
pub struct RevokeApiKeyInput {
    /// The global id of the API key.
    pub id: ID,
}

/// The API key, or the errors.
#[derive(SimpleObject)]
pub struct RevokeApiKeyPayload {
    /// The API key as it is now.
    pub api_key: Option<ApiKeyNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of API keys.
#[derive(Default)]
pub struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    /// Creates an API key and shows its secret, once. As soon as any key exists, every request needs one. For ADMIN.
    async fn create_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The API key.")] input: CreateApiKeyInput,
    ) -> async_graphql::Result<CreateApiKeyPayload> {
        context.require(Scope::Admin, "Mutation.createApiKey")?;
        let app = context.app()?;
        let now = app.now();
        let result = change(context, move |connection| {
            let scopes = input
                .scopes
                .iter()
                .map(|scope| Scope::from(*scope))
                .collect();
            let created = api_key::create(connection, &input.name, scopes, input.expires_at, now)?;
            let trace = trace(&created.0);
            Ok((created, trace))
        });
        let created = split(result.await)?;
        app.keys_changed.notify_one();
        Ok(match created {
            Ok((key, secret)) => created_payload(key, &secret),
            Err(user_errors) => CreateApiKeyPayload {
                api_key: None,
                secret: None,
                user_errors,
            },
        })
    }

    /// Revokes an API key for ever, on every server within a few seconds; sockets that it opened are closed. For ADMIN.
    async fn revoke_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The API key.")] input: RevokeApiKeyInput,
    ) -> async_graphql::Result<RevokeApiKeyPayload> {
        context.require(Scope::Admin, "Mutation.revokeApiKey")?;
        let app = context.app()?;
        let now = app.now();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::ApiKey)?;
            let key = api_key::revoke(connection, id, now)?;
            let trace = trace(&key);
            Ok((key, trace))
        });
        let revoked = split(result.await)?;
        app.keys_changed.notify_one();
        let (api_key, user_errors) = match revoked {
            Ok(key) => (Some(ApiKeyNode(key)), Vec::new()),
            Err(user_errors) => (None, user_errors),
        };
        Ok(RevokeApiKeyPayload {
            api_key,
            user_errors,
        })
    }
}

fn trace(key: &ApiKey) -> Trace {
    Trace::of(TargetKind::ApiKey, key.id).with_key(&key.prefix)
}

fn created_payload(key: ApiKey, secret: &Secret) -> CreateApiKeyPayload {
    CreateApiKeyPayload {
        api_key: Some(ApiKeyNode(key)),
        secret: Some(secret.reveal().to_owned()),
        user_errors: Vec::new(),
    }
}

at_hand!(ApiKeyNode {});
