//! Previews: what a rule that is not stored would match, exactly, with a count at every node.

use super::scan::scan;
use super::snapshot::Snapshot;
use super::step::RefreshSettings;
use crate::audience::subscriber::{Subscriber, find_by_ids};
use crate::db::Db;
use crate::error::Error;
use crate::evaluate::{Plan, combine};
use crate::rule::{CheckedRule, Moment};

/// What a rule matches at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The members of each node of the rule, in its order; the first is the whole rule.
    pub node_counts: Vec<u64>,
    /// How many subscribers there are.
    pub audience_count: u64,
    /// The members with the lowest ids.
    pub sample: Vec<Subscriber>,
}

/// Evaluates a rule over the whole audience.
///
/// # Errors
/// Those of the database.
pub fn preview(
    db: &Db,
    rule: &CheckedRule,
    moment: &Moment,
    sample_size: usize,
    settings: &RefreshSettings,
) -> Result<Preview, Error> {
    let mut snapshot = Snapshot::take(db)?;
    let plan = Plan::new([rule], moment);
    let mut node_counts = vec![0; rule.nodes.len()];
    let mut audience_count = 0;
    let mut sample_ids: Vec<i64> = Vec::new();
    let tree = plan.trees.first().map(Vec::as_slice).unwrap_or_default();
    scan(
        db,
        &mut snapshot,
        &plan,
        moment,
        settings.workers,
        |_, evaluated| {
            let nodes = combine(tree, evaluated.leaves, &evaluated.chunk.exists);
            let counts: Vec<u64> = nodes
                .iter()
                .map(|members| members.count_set_bits() as u64)
                .collect();
            let sample: Vec<i64> = nodes
                .first()
                .into_iter()
                .flat_map(|members| members.set_indices())
                .take(sample_size)
                .map(|row| evaluated.range.first + row as i64)
                .collect();
            Ok((
                counts,
                evaluated.chunk.exists.count_set_bits() as u64,
                sample,
            ))
        },
        |(counts, existing, sample)| {
            for (total, count) in node_counts.iter_mut().zip(counts) {
                *total += count;
            }
            audience_count += existing;
            sample_ids.extend(sample);
            Ok(())
        },
    )?;
    sample_ids.sort_unstable();
    sample_ids.truncate(sample_size);
    let mut sample = find_by_ids(&mut snapshot.connection, &sample_ids)?;
    sample.sort_by_key(|subscriber| subscriber.id);
    Ok(Preview {
        node_counts,
        audience_count,
        sample,
    })
}
