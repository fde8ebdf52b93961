//! The paths of errors.
//!
//! async-graphql 8.0.0-rc.5 writes the path of an error anew in each list that the error passes through on its way to
//! the nullable field that becomes null. In the end the path would name an item of the outermost list. The
//! specification demands the field that failed (September 2025, section 7.1.5 "Errors").

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{PathSegment, ServerError, ServerResult, Value};
use std::sync::Arc;

/// Remembers the path of each error when it occurs.
pub struct ErrorPaths;

/// The first path of an error.
struct FirstPath(Vec<PathSegment>);

impl ExtensionFactory for ErrorPaths {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(ErrorPaths)
    }
}

#[async_trait]
impl Extension for ErrorPaths {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        next.run(context, info).await.map_err(remember_path)
    }
}

/// Remembers the path of an error, unless an earlier path is remembered.
pub fn remember_path(mut error: ServerError) -> ServerError {
    if error.source::<FirstPath>().is_none() {
        error.source = Some(Arc::new(FirstPath(error.path.clone())));
    }
    error
}

/// Gives an error its first path again.
pub fn restore_path(error: &mut ServerError) {
    if let Some(FirstPath(path)) = error.source::<FirstPath>() {
        error.path = path.clone();
    }
}
