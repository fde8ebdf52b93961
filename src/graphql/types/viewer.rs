//! The viewer: the client of a request, and what it may do.

use super::api_key::{ApiKeyNode, ApiKeyScope};
use crate::audience::api_key::{Access, ApiKey, Scope};
use crate::audience::session::Session;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::loaders::{ApiKeyById, SessionById, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// The client of the request, and what it may do.
pub struct Viewer(Access);

impl Viewer {
    async fn find_key(&self, context: &Context<'_>) -> async_graphql::Result<Option<ApiKey>> {
        match self.0.key_id {
            Some(id) => load_one(context.loader()?, ApiKeyById(id)).await,
            None => Ok(None),
        }
    }
}

/// The client of the request, and what it may do.
#[Object]
impl Viewer {
    /// What the client may do. ADMIN includes the others, so they are listed with it.
    async fn scopes(&self) -> Vec<ApiKeyScope> {
        let allowed = Scope::ALL.into_iter();
        let allowed = allowed.filter(|scope| self.0.scopes.allow(*scope));
        allowed.map(ApiKeyScope::from).collect()
    }

    /// The name of the client's API key, or of its session's API key; null if it has no key.
    async fn name(&self, context: &Context<'_>) -> Nullable<Text<String>> {
        nullable(async { Ok(self.find_key(context).await?.map(|key| Text(key.name))) }).await
    }

    /// The client's API key, or its session's API key; null if it has no key. For ADMIN.
    async fn api_key(&self, context: &Context<'_>) -> Nullable<ApiKeyNode> {
        nullable(async {
            context.require(Scope::Admin, "Viewer.apiKey")?;
            Ok(self.find_key(context).await?.map(ApiKeyNode))
        })
        .await
    }

    /// The session of the client; null if the client sends its API key itself, or no key.
    async fn session(&self, context: &Context<'_>) -> Nullable<SessionNode> {
        nullable(async {
            let Some(id) = self.0.session_id else {
                return Ok(None);
            };
            let session = load_one(context.loader()?, SessionById(id)).await?;
            let key = self.find_key(context).await?;
            Ok(session.map(|session| SessionNode::new(&session, key.as_ref())))
        })
        .await
    }

    /// Whether this server answers without an API key, because none exists.
    async fn is_open(&self) -> bool {
        self.0.key_id.is_none()
    }
}

/// A browser that signed in with an API key.
#[derive(SimpleObject)]
#[graphql(name = "Session")]
pub struct SessionNode {
    /// When the browser signed in.
    started_at: DateTime<Utc>,
    /// When the session ends if it is not used again. It also ends when its API key is revoked.
    expires_at: DateTime<Utc>,
}

impl SessionNode {
    fn new(session: &Session, key: Option<&ApiKey>) -> SessionNode {
        let key_expires_at = key.and_then(|key| key.expires_at);
        let ends_at = session.ends_at();
        SessionNode {
            started_at: session.started_at,
            expires_at: key_expires_at.map_or(ends_at, |expires_at| expires_at.min(ends_at)),
        }
    }
}

/// Queries about the client of a request.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Returns the client of the request, and what it may do. For any API key.
    async fn viewer(&self, context: &Context<'_>) -> async_graphql::Result<Viewer> {
        Ok(Viewer(context.access()?))
    }
}
