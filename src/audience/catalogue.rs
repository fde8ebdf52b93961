//! What rules may refer to, read from the database.

use super::custom_field;
use crate::db::schema::{groups, segment_dependencies, segments};
use crate::error::Error;
use crate::rule::{Catalogue, CustomType, KnownSegment};
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Reads the custom fields, groups and segments that exist.
pub fn load_catalogue(connection: &mut PgConnection) -> Result<Catalogue, Error> {
    let groups: Vec<(String, i64)> = groups::table
        .select((groups::key, groups::id))
        .load(connection)?;
    Ok(Catalogue {
        custom_fields: load_custom_fields(connection)?,
        groups: groups.into_iter().collect(),
        segments: load_segments(connection)?,
    })
}

/// Reads the types of the custom fields by key.
pub fn load_custom_fields(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, CustomType>, Error> {
    let fields = custom_field::list_all(connection)?.into_iter();
    Ok(fields
        .map(|field| (field.key.clone(), field.custom_type.0))
        .collect())
}

fn load_segments(connection: &mut PgConnection) -> Result<BTreeMap<String, KnownSegment>, Error> {
    let rows: Vec<(i64, String)> = segments::table
        .select((segments::id, segments::key))
        .load(connection)?;
    let asked: Vec<(i64, String)> = segment_dependencies::table
        .filter(segment_dependencies::kind.eq("segment"))
        .select((segment_dependencies::segment_id, segment_dependencies::name))
        .load(connection)?;
    let mut uses: HashMap<i64, Vec<String>> = HashMap::new();
    for (id, key) in asked {
        uses.entry(id).or_default().push(key);
    }
    let known = rows.into_iter().map(|(id, key)| {
        let uses = uses.remove(&id).unwrap_or_default();
        (key, KnownSegment { id, uses })
    });
    Ok(known.collect())
}
