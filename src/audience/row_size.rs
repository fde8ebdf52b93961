//! How much memory rows with documents take: small values of a document take far more than their text.

use diesel::dsl::sql;
use diesel::expression::{AsExpression, SqlLiteral, UncheckedBind};
use diesel::sql_types::{Array, BigInt, Bool};

/// The array of ids in a condition.
type Ids = <Vec<i64> as AsExpression<Array<BigInt>>>::Expression;

/// A condition that is true for all of these rows or for none.
pub type AreWithin = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, Ids>>;

/// Returns the condition that rows of a table take at most so many bytes of memory together. Each row has a document in
/// that column.
pub fn are_within(table: &str, document: &str, ids: &[i64], bytes: i64) -> AreWithin {
    sql::<Bool>(&format!(
        "(SELECT coalesce(sum(500 + length(text) + 256 * (length(text) - length(replace(text, ',', '')))), 0) <= {bytes} \
         FROM (SELECT {document}::text AS text FROM {table} WHERE id = ANY("
    ))
    .bind::<Array<BigInt>, _>(ids.to_vec())
    .sql(")) measured)")
}
