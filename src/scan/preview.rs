//! Previews: counts exactly what a rule that is not stored would match, at every node.

use super::rules::plan_unsaved;
use super::settings::RefreshSettings;
use super::snapshot::Snapshot;
use super::work::Work;
use super::workers::scan;
use crate::audience::subscriber::{Subscriber, find_by_ids};
use crate::db::Db;
use crate::error::Error;
use crate::evaluate::combine;
use crate::rule::{CheckedRule, Moment};
use arrow_buffer::BooleanBuffer;
use diesel::PgConnection;

/// What to preview.
#[derive(Debug, Clone)]
pub struct PreviewRequest {
    /// The rule.
    pub rule: CheckedRule,
    /// The segment whose stored members the rule is compared with, by id.
    pub compare_to: Option<i64>,
    /// The one "now".
    pub moment: Moment,
    /// The largest number of subscribers in a sample.
    pub sample_size: usize,
}

/// What a rule matches at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The number of members of each node of the rule, in the order of the nodes. The first is the whole rule.
    pub node_counts: Vec<u64>,
    /// How many subscribers there are.
    pub audience_count: u64,
    /// The subscribers who match.
    pub members: People,
    /// The difference from the stored members, if [`PreviewRequest::compare_to`] names a segment.
    pub difference: Option<Difference>,
}

/// How the members of a rule differ from those that are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The subscribers who would join.
    pub joining: People,
    /// The subscribers who would leave.
    pub leaving: People,
}

/// A number of subscribers, and a sample of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct People {
    /// How many there are.
    pub count: u64,
    /// The subscribers with the lowest ids.
    pub sample: Vec<Subscriber>,
}

/// Evaluates a rule over the whole audience. The rules of segments that it uses are evaluated with it. Archived
/// segments and segments with an invalid rule count with their stored members.
pub fn preview(
    db: &Db,
    request: &PreviewRequest,
    settings: &RefreshSettings,
) -> Result<Preview, Error> {
    let mut snapshot = Snapshot::take(db)?;
    let mut plan = plan_unsaved(&mut snapshot.connection, &request.rule, &request.moment)?;
    plan.segments.extend(request.compare_to);
    let mut so_far = Counts::new(request.rule.nodes.len());
    scan(
        db,
        &mut snapshot,
        &plan,
        Work::of(&request.moment, settings),
        settings.workers,
        |_, evaluated| {
            let first_id = evaluated.range.first;
            let chunk = evaluated.chunk;
            let mut counts = Counts::new(0);
            combine(&plan, evaluated.leaves, chunk, |tree, nodes| {
                let (0, Some(members)) = (tree, nodes.first()) else {
                    return;
                };
                let stored = request.compare_to.and_then(|id| chunk.segments.get(&id));
                if let Some(stored) = stored {
                    counts.joining.add(first_id, &(members & &!stored), request);
                    let leaving = &(stored & &chunk.exists) & &!members;
                    counts.leaving.add(first_id, &leaving, request);
                }
                counts.members.add(first_id, members, request);
                counts.nodes = nodes.iter().map(count).collect();
            });
            counts.audience = count(&chunk.exists);
            Ok(counts)
        },
        |counts| {
            so_far.merge(counts);
            Ok(())
        },
    )?;
    let connection = &mut snapshot.connection;
    Ok(Preview {
        members: so_far.members.look_up(connection, request)?,
        difference: match request.compare_to {
            Some(_) => Some(Difference {
                joining: so_far.joining.look_up(connection, request)?,
                leaving: so_far.leaving.look_up(connection, request)?,
            }),
            None => None,
        },
        node_counts: so_far.nodes,
        audience_count: so_far.audience,
    })
}

fn count(members: &BooleanBuffer) -> u64 {
    members.count_set_bits() as u64
}

/// The counts of a chunk, or of all chunks so far.
struct Counts {
    nodes: Vec<u64>,
    audience: u64,
    members: Tally,
    joining: Tally,
    leaving: Tally,
}

impl Counts {
    fn new(nodes: usize) -> Counts {
        Counts {
            nodes: vec![0; nodes],
            audience: 0,
            members: Tally::default(),
            joining: Tally::default(),
            leaving: Tally::default(),
        }
    }

    fn merge(&mut self, chunk: Counts) {
        for (total, count) in self.nodes.iter_mut().zip(chunk.nodes) {
            *total += count;
        }
        self.audience += chunk.audience;
        self.members.merge(chunk.members);
        self.joining.merge(chunk.joining);
        self.leaving.merge(chunk.leaving);
    }
}

/// A number of subscribers, and the ids for the sample.
#[derive(Default)]
struct Tally {
    count: u64,
    ids: Vec<i64>,
}

impl Tally {
    fn add(&mut self, first_id: i64, members: &BooleanBuffer, request: &PreviewRequest) {
        self.count += count(members);
        let rows = members.set_indices().take(request.sample_size);
        self.ids.extend(rows.map(|row| first_id + row as i64));
    }

    fn merge(&mut self, chunk: Tally) {
        self.count += chunk.count;
        self.ids.extend(chunk.ids);
    }

    fn look_up(
        mut self,
        connection: &mut PgConnection,
        request: &PreviewRequest,
    ) -> Result<People, Error> {
        // Chunks come in any order.
        self.ids.sort_unstable();
        self.ids.truncate(request.sample_size);
        let mut sample = find_by_ids(connection, &self.ids)?;
        sample.sort_by_key(|subscriber| subscriber.id);
        Ok(People {
            count: self.count,
            sample,
        })
    }
}
