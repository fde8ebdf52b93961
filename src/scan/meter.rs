//! Measures what a refresh spends its time on, for the benchmark and the log.

use crate::rule::names;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A part of the work. All parts except writing run in all workers at the same time, so that their times add up to more
/// than the time that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Loading the fields of subscribers.
    Fields,
    /// Loading group members, and the stored and past members of segments.
    Memberships,
    /// Loading events and totals, and measuring them.
    Events,
    /// Answering leaves and combining them.
    Evaluation,
    /// Loading the stored members and comparing them.
    Comparison,
    /// Writing what changed.
    Writing,
}

names!(Phase {
    Fields: "loading fields",
    Memberships: "loading memberships",
    Events: "loading and measuring events",
    Evaluation: "evaluating",
    Comparison: "comparing with the stored members",
    Writing: "writing",
});

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Conditions in the rules.
    Conditions,
    /// Distinct leaves among them, each of which is answered once.
    Leaves,
    /// Distinct conditions about events.
    EventLeaves,
    /// Passes over events or totals: at most two in each block of ids, however many conditions there are.
    EventScans,
}

const FIGURES: usize = 4;

/// Measures the work. Clones share the measurements.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Measures>);

#[derive(Debug, Default)]
struct Measures {
    nanos: [AtomicU64; Phase::ALL.len()],
    figures: [AtomicU64; FIGURES],
}

impl Meter {
    /// Runs a part of the work and adds the time that it took.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.nanos[phase as usize].fetch_add(nanos, Ordering::Relaxed);
        result
    }

    /// Adds to a figure.
    pub fn add(&self, figure: Figure, number: usize) {
        self.0.figures[figure as usize].fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Returns how long a phase took so far, all workers together.
    pub fn taken(&self, phase: Phase) -> Duration {
        Duration::from_nanos(self.0.nanos[phase as usize].load(Ordering::Relaxed))
    }

    /// Returns a figure.
    pub fn figure(&self, figure: Figure) -> u64 {
        self.0.figures[figure as usize].load(Ordering::Relaxed)
    }
}
