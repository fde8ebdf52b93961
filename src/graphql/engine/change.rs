//! Runs the change of a mutation in one transaction with its row of the audit log.
//!
//! Every mutation goes through [`change`], or passes the [`Entry`] of [`entry`] to the use case that opens the
//! transaction. A test calls every mutation of the schema and looks for its row.

use super::context::ContextExt;
use crate::audience::audit::{Entry, Trace, within};
use crate::error::Error;
use async_graphql::{Context, Value};
use diesel::PgConnection;

/// The fields of an input that name its target or version, and change nothing.
const NAMES: [&str; 2] = ["id", "ifVersion"];

/// Runs the work of a mutation and writes its row of the audit log, in one transaction. The work returns its result and
/// the target that it changed.
///
/// # Errors
/// Errors of `work`, after which no row is written, and errors of the database.
pub async fn change<T, W>(context: &Context<'_>, mut work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: FnMut(&mut PgConnection) -> Result<(T, Trace), Error> + Send + 'static,
{
    let internal = |error: async_graphql::Error| Error::Internal(error.message);
    let entry = entry(context).map_err(internal)?;
    let db = &context.app().map_err(internal)?.db;
    db.run(move |connection| within(connection, &entry, &mut work))
        .await
}

/// Returns the audit entry of the mutation: the client, the mutation's name and the names of the fields of its input.
pub fn entry(context: &Context<'_>) -> async_graphql::Result<Entry> {
    let field = context.field();
    let action = field.name().to_owned();
    let arguments = field.arguments()?;
    let inputs = arguments.into_iter().filter_map(|(_, value)| match value {
        Value::Object(input) => Some(input),
        _ => None,
    });
    let names = inputs.flat_map(|input| input.into_iter().map(|(name, _)| name));
    let names = names.filter(|name| !NAMES.contains(&name.as_str()));
    let fields = names.map(|name| name.to_string()).collect();
    let mut entry = Entry::new(context.origin()?.clone(), action, context.app()?.now());
    entry.fields = fields;
    Ok(entry)
}
