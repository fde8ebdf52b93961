//! Resolvers of nullable fields. If such a field fails, it is null and its siblings are answered.
//!
//! async-graphql does so for an `Option<Result<T>>`. A resolver that returns `Result<Option<T>>` makes the object that has
//! the field null as well, up to the whole answer.

use async_graphql::Result;

/// What the resolver of a nullable field returns.
pub type Nullable<T> = Option<Result<T>>;

/// Runs the body of a resolver, which may fail or find nothing.
pub async fn nullable<T>(body: impl Future<Output = Result<Option<T>>>) -> Nullable<T> {
    body.await.transpose()
}
