//! How mutations change something: in one transaction with the row of the audit log that says so.
//!
//! Every mutation goes through [`change`], or hands the [`Entry`] of [`entry`] to the use case that opens the transaction.
//! A test calls every mutation of the schema and looks for its row.

use super::context::ContextExt;
use crate::audience::audit::{Entry, Trace, within};
use crate::error::Error;
use async_graphql::{Context, Value};
use diesel::PgConnection;

/// The fields of an input that name what is changed, and change nothing.
const NAMES: [&str; 2] = ["id", "ifVersion"];

/// Does the work of a mutation and writes its row of the audit log, in one transaction. The work returns what it has done
/// and what it has done it to.
///
/// # Errors
/// Those of the work, which leaves no row then; those of the database.
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

/// Returns the entry of the mutation that is asked for: who asks, its name, and the names of the fields of its input.
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
