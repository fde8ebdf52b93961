//! The scan: workers go through the audience chunk by chunk, all on one snapshot.

use super::chunk_range::{ChunkRange, chunk_range};
use super::load::load_chunk;
use super::meter::Phase;
use super::rows::Rows;
use super::snapshot::{Snapshot, prefer_indexes};
use super::work::Work;
use crate::audience::block::CHUNK_IDS;
use crate::db::{Db, Lease};
use crate::error::Error;
use crate::evaluate::{Chunk, Plan, evaluate_leaves};
use crate::scan::guard::guard;
use arrow_buffer::BooleanBuffer;
use diesel::PgConnection;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc;

/// How many chunks may wait to be received.
const WAITING: usize = 2;

/// A chunk with the answers to every leaf.
pub struct Evaluated<'c> {
    /// The ids of the chunk.
    pub range: ChunkRange,
    /// The chunk.
    pub chunk: &'c Chunk,
    /// The answers, in the order of the plan.
    pub leaves: &'c [BooleanBuffer],
}

/// Why a scan failed.
#[derive(Debug)]
pub struct ScanFailure {
    /// The first error.
    pub error: Error,
    /// The chunk whose evaluation failed, if the error is from a chunk.
    pub range: Option<ChunkRange>,
}

impl From<Error> for ScanFailure {
    fn from(error: Error) -> ScanFailure {
        ScanFailure { error, range: None }
    }
}

impl From<ScanFailure> for Error {
    fn from(failure: ScanFailure) -> Error {
        failure.error
    }
}

/// Evaluates a plan over the whole audience. `visit` runs on the workers. `receive` runs on this thread with their
/// results.
///
/// # Errors
/// The first error of a worker, of `visit` or of `receive`; the others stop soon after. A panic of a worker becomes an
/// error too. [`Error::Abandoned`] and [`Error::TimedOut`] if the work is cancelled.
pub fn scan<R: Send>(
    db: &Db,
    snapshot: &mut Snapshot,
    plan: &Plan,
    work: Work<'_>,
    workers: usize,
    visit: impl Fn(&mut PgConnection, &Evaluated<'_>) -> Result<R, Error> + Sync,
    mut receive: impl FnMut(R) -> Result<(), Error>,
) -> Result<(), ScanFailure> {
    let ids = snapshot.ids;
    let chunks = usize::try_from((ids + CHUNK_IDS - 1) / CHUNK_IDS).unwrap_or(usize::MAX);
    if chunks <= 1 && !snapshot.is_shared() {
        // A small audience needs no other connection and no other thread.
        prefer_indexes(&mut snapshot.connection)?;
        let range = chunk_range(0, ids);
        return range.map_or(Ok(()), |range| {
            let connection = &mut snapshot.connection;
            let evaluated = evaluate_chunk(connection, plan, range, work, &visit);
            Ok(evaluated.and_then(receive)?)
        });
    }
    let next_chunk = AtomicI64::new(0);
    let is_over = AtomicBool::new(false);
    let shared = snapshot.share()?;
    let connections: Vec<Lease> = (0..workers.clamp(1, chunks.max(1)))
        .map(|_| shared.join(db))
        .collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel::<Result<R, ScanFailure>>(WAITING);
        for mut connection in connections {
            let sender = sender.clone();
            let (next_chunk, is_over, visit) = (&next_chunk, &is_over, &visit);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let Some(range) = chunk_range(next_chunk.fetch_add(1, Ordering::Relaxed), ids)
                    else {
                        break;
                    };
                    let evaluate = || evaluate_chunk(&mut connection, plan, range, work, visit);
                    let result = guard(evaluate).map_err(|error| ScanFailure {
                        error,
                        range: Some(range),
                    });
                    let failed = result.is_err();
                    if sender.send(result).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let outcome = receiver.iter().try_for_each(|result| Ok(receive(result?)?));
        is_over.store(true, Ordering::Relaxed);
        // Workers that wait to send find the receiver gone and stop.
        drop(receiver);
        outcome
    })
}

/// Loads a chunk, evaluates the leaves of a plan over it, and calls `visit` with the result.
///
/// # Errors
/// Errors of `visit`.
pub fn evaluate_chunk<R>(
    connection: &mut PgConnection,
    plan: &Plan,
    range: ChunkRange,
    work: Work<'_>,
    visit: impl Fn(&mut PgConnection, &Evaluated<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    let chunk = load_chunk(connection, plan, &Rows::Range(range), work)?;
    let evaluate = || evaluate_leaves(plan, &chunk, work.moment, &work.watch());
    let leaves = work.meter.time(Phase::Evaluation, evaluate)?;
    if let Some(spending) = work.spending {
        spending.add_evaluated(range.rows);
    }
    let evaluated = Evaluated {
        range,
        chunk: &chunk,
        leaves: &leaves,
    };
    visit(connection, &evaluated)
}
