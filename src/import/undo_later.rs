//! Checks whether undoing an import would lose later changes.

use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

/// How many of the subscribers that prevent the undo are named.
const NAMED: usize = 5;

/// The subscribers who were changed after the import.
#[derive(Default)]
pub struct Later {
    count: i64,
    named: Vec<String>,
}

#[derive(QueryableByName)]
struct LaterRow {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    why: String,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

impl Later {
    /// Finds the subscribers whom the import changed and who were changed since. Deleted subscribers stay deleted. Versions
    /// may differ: undoing a later import restores the values of a row, but gives it another version.
    pub fn find_changed(
        &mut self,
        connection: &mut PgConnection,
        import_id: i64,
    ) -> Result<(), Error> {
        let rows = diesel::sql_query(format!(
            "SELECT s.email, 'changed' AS why, count(*) OVER () AS total FROM import_changes c \
             JOIN subscribers s ON s.id = c.subscriber_id \
             WHERE c.import_id = $1 AND to_jsonb(s) - 'version' <> c.after ORDER BY s.id LIMIT {NAMED}"
        ))
        .bind::<BigInt, _>(import_id)
        .load(connection)?;
        self.take(rows);
        Ok(())
    }

    /// Finds the subscribers whom the import added and who were changed, got events, or joined a group since.
    pub fn find_touched(
        &mut self,
        connection: &mut PgConnection,
        import_id: i64,
        ids: &[i64],
        moment: DateTime<Utc>,
    ) -> Result<(), Error> {
        let rows = diesel::sql_query(format!(
            "SELECT email, why, count(*) OVER () AS total FROM ( \
                 SELECT s.id, s.email, CASE \
                     WHEN s.updated_at <> $2 THEN 'changed' \
                     WHEN EXISTS (SELECT FROM events e WHERE e.subscriber_id = s.id) THEN 'has events' \
                     WHEN EXISTS (SELECT FROM group_memberships m WHERE m.subscriber_id = s.id AND \
                         (m.added_at <> $2 OR m.source <> 'import' OR NOT EXISTS ( \
                             SELECT FROM import_additions a WHERE a.import_id = $3 AND a.group_id = m.group_id))) \
                         THEN 'joined a group' END AS why \
                 FROM unnest($1) AS created (id) \
                 CROSS JOIN LATERAL (SELECT * FROM subscribers WHERE id = created.id OFFSET 0) s \
             ) later WHERE why IS NOT NULL ORDER BY id LIMIT {NAMED}"
        ))
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Timestamptz, _>(moment)
        .bind::<BigInt, _>(import_id)
        .load(connection)?;
        self.take(rows);
        Ok(())
    }

    fn take(&mut self, rows: Vec<LaterRow>) {
        self.count += rows.first().map_or(0, |row| row.total);
        let free = NAMED.saturating_sub(self.named.len());
        let named = rows.into_iter().take(free);
        self.named
            .extend(named.map(|row| format!("{} ({})", row.email, row.why)));
    }

    /// Fails if later changes were found.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the addresses of some of the subscribers.
    pub fn refuse(self) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        let more = self.count - self.named.len() as i64;
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let message = format!(
            "{} {} changed after the import (undo would lose those changes): {}{more}",
            self.count,
            match self.count {
                1 => "subscriber",
                _ => "subscribers",
            },
            self.named.join(", ")
        );
        Err(Error::Invalid(vec![
            InputProblem::new(InputCode::Invalid, "id", message)
                .with_hint(Some("nothing was undone".to_owned())),
        ]))
    }
}
