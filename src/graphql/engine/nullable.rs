//! Resolvers of nullable fields. If such a field fails, it is null and its siblings are answered.
//!
//! async-graphql does so for an `Option<Result<T>>`. If a resolver returns `Result<Option<T>>` and fails, the object
//! that has the field becomes null as well, up to the whole answer.

use async_graphql::Result;

/// What the resolver of a nullable field returns.
pub type Nullable<T> = Option<Result<T>>;

/// Runs the body of a resolver, which may fail or find nothing.
pub async fn nullable<T>(body: impl Future<Output = Result<Option<T>>>) -> Nullable<T> {
    body.await.transpose()
}
