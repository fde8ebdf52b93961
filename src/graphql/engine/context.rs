//! Access of resolvers to the application and the request.

use super::loaders::RequestLoader;
use super::scope::forbidden;
use crate::app::App;
use crate::audience::actor::Origin;
use crate::audience::api_key::{Access, Scope};
use crate::audience::refusals::Refused;
use async_graphql::{Context, ErrorExtensions};

/// The path below which the server is reached.
pub struct BasePath(pub String);

/// Reads the application and the request from the context of a resolver.
pub trait ContextExt {
    /// Returns the application.
    fn app(&self) -> async_graphql::Result<&App>;
    /// Returns the loaders of this request.
    fn loader(&self) -> async_graphql::Result<&RequestLoader>;
    /// Returns what the client may do.
    fn access(&self) -> async_graphql::Result<Access>;
    /// Returns the client, and where the request came from.
    fn origin(&self) -> async_graphql::Result<&Origin>;
    /// Returns a path on this server with the base path in front.
    fn address(&self, path: &str) -> async_graphql::Result<String>;
    /// Fails with `FORBIDDEN` if the client lacks the scope that a field needs. The field is given by its coordinate.
    fn require(&self, needed: Scope, coordinate: &str) -> async_graphql::Result<()>;
}

impl ContextExt for Context<'_> {
    fn app(&self) -> async_graphql::Result<&App> {
        self.data()
    }

    fn loader(&self) -> async_graphql::Result<&RequestLoader> {
        self.data()
    }

    fn access(&self) -> async_graphql::Result<Access> {
        self.data().copied()
    }

    fn origin(&self) -> async_graphql::Result<&Origin> {
        self.data()
    }

    fn address(&self, path: &str) -> async_graphql::Result<String> {
        let BasePath(base_path) = self.data()?;
        Ok(format!("{base_path}{path}"))
    }

    fn require(&self, needed: Scope, coordinate: &str) -> async_graphql::Result<()> {
        if self.access()?.scopes.allow(needed) {
            return Ok(());
        }
        let Origin { actor, peer, .. } = self.origin()?;
        let refusals = &self.app()?.refusals;
        refusals.note(Refused::Scope, actor.clone(), *peer);
        let error = async_graphql::Error::new(forbidden(coordinate, needed));
        Err(error.extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")))
    }
}
