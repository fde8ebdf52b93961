//! How much memory rows with documents take.

use diesel::dsl::sql;
use diesel::expression::{AsExpression, SqlLiteral, UncheckedBind};
use diesel::sql_types::{Array, BigInt, Bool};

/// The array of ids in a condition.
type Ids = <Vec<i64> as AsExpression<Array<BigInt>>>::Expression;

/// A condition that is true for all of these rows or for none.
pub type AreWithin = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, Ids>>;

/// Returns the condition that rows of a table take at most so many bytes of memory together. Each row has an object in the
/// column `document`, which is kept as text, and texts in the columns `texts`.
///
/// The document is measured as it is stored: making text of it only to measure that would take far longer. Its text may be
/// somewhat longer. One that is compressed is decompressed, by adding nothing to it.
pub fn are_within(table: &str, document: &str, texts: &str, ids: &[i64], bytes: i64) -> AreWithin {
    sql::<Bool>(&format!(
        "(SELECT coalesce(sum(500 + octet_length(concat({texts})) + 2 * CASE WHEN pg_column_compression({document}) IS NULL \
             THEN pg_column_size({document}) ELSE pg_column_size({document} || '{{}}') END), 0) <= {bytes} \
         FROM {table} WHERE id = ANY("
    ))
    .bind::<Array<BigInt>, _>(ids.to_vec())
    .sql("))")
}
