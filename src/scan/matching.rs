//! Lists of all subscribers that a rule matches now, without storing anything.

use super::rules::plan_unsaved;
use super::settings::RefreshSettings;
use super::snapshot::Snapshot;
use super::work::Work;
use super::workers::scan;
use crate::audience::id_set::IdSet;
use crate::audience::narrowing::Narrowing;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::Db;
use crate::error::Error;
use crate::evaluate::combine;
use crate::rule::{CheckedRule, Moment};
use std::collections::HashMap;

/// Lists a page of the subscribers that match a rule and a narrowing. Also returns how many match in all.
pub fn list_matching(
    db: &Db,
    (rule, narrowing): (&CheckedRule, &Narrowing),
    moment: &Moment,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
    settings: &RefreshSettings,
) -> Result<(Page<Subscriber>, usize), Error> {
    let mut snapshot = Snapshot::take(db)?;
    let matching = find_matching(db, &mut snapshot, rule, moment, settings)?;
    let mut sets = HashMap::from([((), matching)]);
    narrowing.narrow(&mut snapshot.connection, &mut sets)?;
    let matching = sets.remove(&()).unwrap_or_default();
    let page = matching.list_page(&mut snapshot.connection, order, request)?;
    Ok((page, matching.count()))
}

/// Returns all subscribers that a rule matches in a snapshot.
pub fn find_matching(
    db: &Db,
    snapshot: &mut Snapshot,
    rule: &CheckedRule,
    moment: &Moment,
    settings: &RefreshSettings,
) -> Result<IdSet, Error> {
    let plan = plan_unsaved(&mut snapshot.connection, rule, moment)?;
    let mut matching = IdSet::default();
    scan(
        db,
        snapshot,
        &plan,
        Work::of(moment, settings),
        settings.workers,
        |_, evaluated| {
            let mut members = Vec::new();
            combine(&plan, evaluated.leaves, evaluated.chunk, |tree, nodes| {
                if let (0, Some(root)) = (tree, nodes.first()) {
                    members = root.sliced().to_vec();
                }
            });
            Ok((evaluated.range.first, members))
        },
        |(first_id, members)| {
            matching.put(first_id, &members);
            Ok(())
        },
    )?;
    Ok(matching)
}
