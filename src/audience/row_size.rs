//! Reads rows with documents only if they do not take too much memory.

/// Returns the statement that reads rows of a table by the ids `$1`, or none of them if they take more than `$2` bytes of
/// memory together. Each row has an object in the column `document`, which is kept as text, and texts in the columns
/// `texts`.
///
/// The document is measured as it is stored, because converting it to text only to measure it would take far longer.
/// Its text may be somewhat longer. Appending `{}` to a compressed document decompresses it.
pub fn rows_within(table: &str, columns: &str, document: &str, texts: &str) -> String {
    format!(
        "SELECT {columns} FROM (SELECT *, sum(500 + octet_length(concat({texts})) \
             + 2 * CASE WHEN pg_column_compression({document}) IS NULL \
                 THEN pg_column_size({document}) ELSE pg_column_size({document} || '{{}}') END) OVER () AS bytes \
         FROM {table} WHERE id = ANY ($1)) measured WHERE bytes <= $2"
    )
}
