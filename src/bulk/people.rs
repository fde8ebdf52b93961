//! The subscribers that a bulk action changes.

use crate::audience::catalogue::load_catalogue;
use crate::audience::id_set::IdSet;
use crate::audience::{group, segment};
use crate::db::Db;
use crate::db::schema::group_memberships;
use crate::error::Error;
use crate::refresh::{fill_pending, refuse_unfilled};
use crate::rule::parse_and_check;
use crate::scan::{RefreshSettings, Snapshot, find_matching};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The subscribers that a bulk action changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum People {
    /// The subscribers that a rule matches.
    Rule(Value),
    /// The members of the segment of that key.
    Segment(String),
    /// The members of the group of that key.
    Group(String),
}

impl People {
    /// Checks the rule, or that the segment or the group exists.
    ///
    /// # Errors
    /// [`Error::InvalidRule`]; [`Error::Invalid`] if the segment or the group does not exist.
    pub fn check(&self, connection: &mut PgConnection) -> Result<(), Error> {
        match self {
            People::Rule(rule) => {
                let catalogue = load_catalogue(connection)?;
                parse_and_check(rule, &catalogue, None).map_err(Error::InvalidRule)?;
            }
            People::Segment(key) => {
                segment::get_by_key(connection, key, "segment")?;
            }
            People::Group(key) => {
                group::get_by_key(connection, key, "group")?;
            }
        }
        Ok(())
    }

    /// Finds the ids of the subscribers. A segment that is PENDING is refreshed first.
    ///
    /// # Errors
    /// As [`People::check`]; [`Error::Invalid`] if the segment has never been refreshed and cannot be refreshed.
    pub(super) fn find(&self, db: &Db, settings: &RefreshSettings) -> Result<IdSet, Error> {
        match self {
            People::Rule(rule) => {
                let (rule, moment) = db.run_here(|connection| {
                    let catalogue = load_catalogue(connection)?;
                    let (_, rule) =
                        parse_and_check(rule, &catalogue, None).map_err(Error::InvalidRule)?;
                    Ok((rule, settings.moment(connection)?))
                })?;
                let mut snapshot = Snapshot::take(db)?;
                find_matching(db, &mut snapshot, &rule, &moment, settings)
            }
            People::Segment(key) => {
                fill_pending(db, key, "segment", settings)?;
                db.run_here(|connection| {
                    let segment = segment::get_by_key(connection, key, "segment")?;
                    refuse_unfilled(connection, &segment, "segment")?;
                    IdSet::of_segment(connection, segment.id)
                })
            }
            People::Group(key) => db.run_here(|connection| {
                let group = group::get_by_key(connection, key, "group")?;
                let ids: Vec<i64> = group_memberships::table
                    .filter(group_memberships::group_id.eq(group.id))
                    .select(group_memberships::subscriber_id)
                    .load(connection)?;
                let mut set = IdSet::default();
                ids.into_iter().for_each(|id| set.flip(id));
                Ok(set)
            }),
        }
    }
}
