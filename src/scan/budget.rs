//! The budget of a rule: how long its conditions may be evaluated. The time is measured for each condition, and counts
//! for every rule that has the condition.
//!
//! A rule that exceeds its budget is not evaluated any further; the other rules are. Their answers stay right, because
//! a condition is stopped only when every rule that has it has exceeded its budget.

use crate::cancel::{Cancel, Stopped};
use crate::evaluate::{Part, Plan, PlannedNode, ResolvedLeaf, Watch};
use crate::rule::{Code, Problem};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the conditions of one rule may be evaluated in one refresh by default, all workers together. A rule of
/// ordinary conditions takes milliseconds for a million subscribers.
pub const RULE_BUDGET: Duration = Duration::from_secs(60);

/// After how many bytes of text the search of a regular expression checks the clock.
const BYTES_PER_LOOK: usize = 8_192;
/// How many bytes each text counts in addition, because starting a search takes time too.
const BYTES_PER_TEXT: usize = 64;

/// What the rules of a plan have spent of their budgets. All workers share it.
#[derive(Debug)]
pub struct Spending {
    budget: Duration,
    /// For each leaf of the plan the rules that have it, by their positions in the plan.
    rules_of_leaf: Vec<Vec<usize>>,
    /// The same for each test of event properties.
    rules_of_filter: Vec<Vec<usize>>,
    rules: Vec<Account>,
    /// How many subscribers have been evaluated.
    evaluated: AtomicU64,
}

/// What one rule has spent.
#[derive(Debug, Default)]
struct Account {
    nanos: AtomicU64,
    /// How many subscribers had been evaluated when the budget was exceeded, if it was.
    exceeded_after: OnceLock<u64>,
}

impl Account {
    fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// A rule that has exceeded its budget.
#[derive(Debug)]
pub struct SlowRule {
    /// The position of the rule in the plan.
    pub tree: usize,
    /// How long it was evaluated.
    pub micros: i64,
    /// The problem to report.
    pub problem: Problem,
}

impl Spending {
    /// Makes the accounts of the rules of a plan, with nothing spent.
    pub fn new(plan: &Plan, budget: Duration) -> Spending {
        let mut rules_of_leaf = vec![BTreeSet::new(); plan.leaves.len()];
        let mut rules_of_filter = vec![BTreeSet::new(); plan.events.filters.len()];
        for (tree, nodes) in plan.trees.iter().enumerate() {
            for node in nodes {
                let PlannedNode::Leaf { leaf, .. } = node else {
                    continue;
                };
                rules_of_leaf[*leaf].insert(tree);
                if let ResolvedLeaf::Event(event) = &plan.leaves[*leaf] {
                    for filter in &plan.events.leaves[*event].filters {
                        rules_of_filter[*filter].insert(tree);
                    }
                }
            }
        }
        let listed =
            |rules: Vec<BTreeSet<usize>>| rules.into_iter().map(Vec::from_iter).collect::<Vec<_>>();
        Spending {
            budget,
            rules_of_leaf: listed(rules_of_leaf),
            rules_of_filter: listed(rules_of_filter),
            rules: plan.trees.iter().map(|_| Account::default()).collect(),
            evaluated: AtomicU64::new(0),
        }
    }

    /// Notes that the leaves were evaluated for this many more subscribers.
    pub fn add_evaluated(&self, subscribers: usize) {
        let subscribers = u64::try_from(subscribers).unwrap_or(u64::MAX);
        self.evaluated.fetch_add(subscribers, Ordering::Relaxed);
    }

    /// Returns how long the rule at this position of the plan was evaluated, in microseconds.
    pub fn micros(&self, tree: usize) -> i64 {
        i64::try_from(self.rules[tree].spent().as_micros()).unwrap_or(i64::MAX)
    }

    /// Returns whether any rule has exceeded its budget.
    pub fn is_exceeded(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|account| account.exceeded_after.get().is_some())
    }

    /// Lists the rules that have exceeded their budgets, in the evaluation of this many subscribers.
    pub fn list_slow(&self, subscribers: i64) -> Vec<SlowRule> {
        let subscribers = u64::try_from(subscribers).unwrap_or_default();
        let slow = |(tree, account): (usize, &Account)| {
            let evaluated = (*account.exceeded_after.get()?).min(subscribers);
            Some(SlowRule {
                tree,
                micros: self.micros(tree),
                problem: problem_of(account.spent(), self.budget, evaluated, subscribers),
            })
        };
        let rules = self.rules.iter().enumerate();
        rules.filter_map(slow).collect()
    }

    fn rules_of(&self, part: Part) -> &[usize] {
        match part {
            Part::Leaf(leaf) => &self.rules_of_leaf[leaf],
            Part::Filter(filter) => &self.rules_of_filter[filter],
        }
    }

    /// Returns how long a part may take before every rule that has it has exceeded its budget, or `None` if all have.
    fn allowance(&self, part: Part) -> Option<Duration> {
        let accounts = self.rules_of(part).iter().map(|tree| &self.rules[*tree]);
        accounts
            .filter(|account| account.exceeded_after.get().is_none())
            .map(|account| self.budget.saturating_sub(account.spent()))
            .max()
    }

    /// Charges the time of a part to every rule that has it. `searched` is the number of texts that were searched in
    /// the unfinished chunk.
    fn charge(&self, part: Part, taken: Duration, searched: u64) {
        let nanos = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        for tree in self.rules_of(part) {
            let account = &self.rules[*tree];
            account.nanos.fetch_add(nanos, Ordering::Relaxed);
            if account.spent() > self.budget {
                let evaluated = self.evaluated.load(Ordering::Relaxed);
                account
                    .exceeded_after
                    .get_or_init(|| evaluated.saturating_add(searched));
            }
        }
    }
}

fn problem_of(spent: Duration, budget: Duration, evaluated: u64, subscribers: u64) -> Problem {
    let message = format!(
        "the rule took {:.1} s for {evaluated} of {subscribers} subscribers (the limit is {} s)",
        spent.as_secs_f64(),
        budget.as_secs_f64(),
    );
    let hint = "make its regular expressions simpler, or use contains or startsWith instead of matches; \
                the next refresh tries again, and --rule-budget sets the limit";
    Problem::new("", Code::TooSlow, message).with_hint(Some(hint.to_owned()))
}

/// Measures the time that one worker spends on a chunk, and stops it when the budget is exceeded or the caller cancels.
#[derive(Debug)]
pub struct Stopwatch<'s> {
    cancel: &'s Cancel,
    /// If absent, nothing is measured.
    spending: Option<&'s Spending>,
    started: Cell<Instant>,
    allowance: Cell<Duration>,
    is_over: Cell<bool>,
    /// How many texts of the part were searched.
    searched: Cell<u64>,
    /// How many bytes of text were searched since the clock was checked.
    bytes: Cell<usize>,
}

impl<'s> Stopwatch<'s> {
    /// A stopwatch that does not run yet.
    pub fn new(cancel: &'s Cancel, spending: Option<&'s Spending>) -> Stopwatch<'s> {
        Stopwatch {
            cancel,
            spending,
            started: Cell::new(Instant::now()),
            allowance: Cell::new(Duration::ZERO),
            is_over: Cell::new(false),
            searched: Cell::new(0),
            bytes: Cell::new(0),
        }
    }
}

impl Watch for Stopwatch<'_> {
    fn begin(&self, part: Part) -> bool {
        let Some(spending) = self.spending else {
            return true;
        };
        let Some(allowance) = spending.allowance(part) else {
            return false;
        };
        self.allowance.set(allowance);
        self.is_over.set(false);
        self.searched.set(0);
        self.bytes.set(0);
        self.started.set(Instant::now());
        true
    }

    fn may_search(&self, bytes: usize) -> bool {
        if self.is_over.get() || self.cancel.is_stopped() {
            return false;
        }
        if self.spending.is_none() {
            return true;
        }
        let bytes = self.bytes.get() + bytes + BYTES_PER_TEXT;
        self.bytes.set(bytes);
        if bytes >= BYTES_PER_LOOK {
            self.bytes.set(0);
            self.is_over
                .set(self.started.get().elapsed() > self.allowance.get());
        }
        if self.is_over.get() {
            return false;
        }
        self.searched.set(self.searched.get() + 1);
        true
    }

    fn end(&self, part: Part) -> Result<(), Stopped> {
        if let Some(spending) = self.spending {
            let searched = match part {
                Part::Leaf(_) => self.searched.get(),
                Part::Filter(_) => 0,
            };
            spending.charge(part, self.started.get().elapsed(), searched);
        }
        self.cancel.check()
    }
}
