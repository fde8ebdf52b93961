//! Cleans addresses that were stored before addresses had a normal form. SQL cannot write a domain in ASCII, so
//! this runs after the migration that lists them.

use super::schema::{subscribers, unclean_addresses};
use crate::error::Error;
use crate::text::clean_email;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

/// How many addresses are cleaned in one transaction.
const AT_A_TIME: i64 = 10_000;

/// Cleans the listed addresses. If another subscriber has the clean form already, the address stays listed and
/// unchanged: the two are records of one person, and only the owner knows which one counts.
pub(super) fn clean_addresses(connection: &mut PgConnection) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let last = connection.transaction(|connection| clean_some(connection, after))?;
        let Some(last) = last else { break };
        after = last;
    }
    let left: i64 = unclean_addresses::table.count().get_result(connection)?;
    if left > 0 {
        tracing::warn!(
            subscribers = left,
            "subscribers have the same e-mail address as another in a different spelling (table unclean_addresses); delete one of them or change its address"
        );
    }
    Ok(())
}

/// Cleans the next addresses after an id, and returns their last id, or `None` if there are no more.
fn clean_some(connection: &mut PgConnection, after: i64) -> Result<Option<i64>, Error> {
    let rows: Vec<(i64, String)> = unclean_addresses::table
        .inner_join(subscribers::table)
        .filter(unclean_addresses::subscriber_id.gt(after))
        .order(unclean_addresses::subscriber_id)
        .limit(AT_A_TIME)
        .select((subscribers::id, subscribers::email))
        .load(connection)?;
    for (id, email) in &rows {
        // A text that is not a valid address any more stays as it is, so that it can still be found.
        let cleaned = clean_email(email).unwrap_or_else(|_| email.clone());
        if cleaned != *email {
            let others = diesel::alias!(subscribers as others);
            let taken = others.filter(others.field(subscribers::email).eq(&cleaned));
            let changed = diesel::update(subscribers::table.find(id))
                .filter(not(exists(taken)))
                .set(subscribers::email.eq(&cleaned))
                .execute(connection)?;
            if changed == 0 {
                continue;
            }
        }
        diesel::delete(unclean_addresses::table.find(id)).execute(connection)?;
    }
    Ok(rows.last().map(|(id, _)| *id))
}
