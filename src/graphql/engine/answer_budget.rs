//! The budget of bytes that an answer may take.
//!
//! The cost of an operation bounds how many values an answer has, but not how large they are: the length of a text or a
//! JSON document depends on the data. [`Text`] and [`Document`] are the output types of such fields. They count their
//! bytes while the answer is built. An answer that exceeds its limit, or that does not fit beside other answers
//! ([`answer_memory`](super::answer_memory)), is stopped before it takes the memory.

use super::answer_memory::{AnswerMemory, Holding, LargeAnswerPermit, SMALL};
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
};
use serde_json::Value as Json;
use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::coop::consume_budget;

/// The memory of a text besides its bytes: its entry in the object that it belongs to.
pub(super) const TEXT: usize = 64;
/// The memory of a value in a JSON document besides its bytes: small values take far more memory than their text.
const JSON_VALUE: usize = 256;
/// How many bytes count as one step of a task. tokio lets each task do 128 steps in a row, which takes about a
/// millisecond. So a small answer is made soon, even beside many large ones.
const STEP: usize = 4 << 10;
/// How many bytes one answer may take, and how many it has taken so far.
#[derive(Clone)]
pub struct AnswerBudget(Arc<Budget>);

struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// The value of `used` when steps were last counted.
    at_turn: AtomicUsize,
    /// This answer's part of the memory of all answers.
    holding: Holding,
    /// Whether other answers left too little memory for this one.
    is_crowded_out: AtomicBool,
    exceeded: Notify,
    /// For each depth in the answer, the permit to load a page of large rows. Loaded rows are not counted until they
    /// are resolved, so the pages of one depth are loaded and resolved one after the other. Pages inside a page have
    /// another depth, so that they never wait for the page around them.
    loads: Mutex<HashMap<usize, Arc<Semaphore>>>,
    /// The permit to be made beside other large answers. Only one part of the answer waits for it at a time. If several
    /// parts queued for permits, the first to get one would wait for the parts behind it.
    large: tokio::sync::Mutex<Option<LargeAnswerPermit>>,
    /// Whether the permit was granted, so that most parts need not lock `large`.
    is_permitted: AtomicBool,
    /// Whether the answer goes over a socket or an event stream.
    is_streamed: bool,
}

/// The permit to load a page of large rows. Keep it until the page is resolved.
pub type LoadPermit = OwnedSemaphorePermit;

impl AnswerBudget {
    /// Creates an unused budget for one of the answers that share a memory.
    pub fn new(limit: usize, memory: &Arc<AnswerMemory>) -> AnswerBudget {
        AnswerBudget::begin(limit, memory, false)
    }

    /// As [`new`](AnswerBudget::new), for an answer over a socket or an event stream.
    pub fn of_stream(limit: usize, memory: &Arc<AnswerMemory>) -> AnswerBudget {
        AnswerBudget::begin(limit, memory, true)
    }

    fn begin(limit: usize, memory: &Arc<AnswerMemory>, is_streamed: bool) -> AnswerBudget {
        AnswerBudget(Arc::new(Budget {
            limit,
            used: AtomicUsize::new(0),
            at_turn: AtomicUsize::new(0),
            holding: Holding::new(memory),
            is_crowded_out: AtomicBool::new(false),
            exceeded: Notify::new(),
            loads: Mutex::default(),
            large: tokio::sync::Mutex::default(),
            is_permitted: AtomicBool::new(false),
            is_streamed,
        }))
    }

    /// Counts bytes. Returns whether they are within the limits of this answer and of all answers.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        let before = self.0.used.fetch_add(bytes, Ordering::Relaxed);
        let after = before.saturating_add(bytes);
        let is_within = after <= self.0.limit;
        if !is_within && before <= self.0.limit {
            self.0.exceeded.notify_one();
        }
        let counted = after.saturating_sub(SMALL) - before.saturating_sub(SMALL);
        is_within && (counted == 0 || self.hold(counted))
    }

    /// Takes back the bytes that were counted for a part that is written again.
    pub(super) fn take_back(&self, bytes: usize) {
        if self.is_exceeded() || self.is_crowded_out() {
            // The answer stays refused, because some of its texts are already missing.
            return;
        }
        let before = self.0.used.fetch_sub(bytes, Ordering::Relaxed);
        let counted = before.saturating_sub(SMALL) - (before - bytes).saturating_sub(SMALL);
        self.0.holding.shrink(counted);
    }

    /// Yields to other tasks if much was written since the last call. A large answer waits here for its permit.
    pub async fn take_turns(&self) {
        if self.0.used.load(Ordering::Relaxed) > SMALL {
            self.wait_for_permit().await;
        }
        let used = self.0.used.load(Ordering::Relaxed);
        let steps = used.saturating_sub(self.0.at_turn.load(Ordering::Relaxed)) / STEP;
        if steps > 0 {
            self.0.at_turn.store(used, Ordering::Relaxed);
        }
        for _ in 0..steps {
            consume_budget().await;
        }
    }

    /// Waits until this answer may be made beside other large ones. It keeps the permit until it is finished.
    async fn wait_for_permit(&self) {
        if self.0.is_permitted.load(Ordering::Relaxed) {
            return;
        }
        let mut large = self.0.large.lock().await;
        if large.is_none() {
            let memory = self.0.holding.memory();
            *large = memory.permit_large(self.0.is_streamed).await;
            self.0.is_permitted.store(true, Ordering::Relaxed);
        }
    }

    /// Takes more of the memory of all answers. Returns `false` if too little is left.
    fn hold(&self, bytes: usize) -> bool {
        if self.is_crowded_out() {
            return false;
        }
        let has_room = self.0.holding.grow(bytes);
        if !has_room {
            self.0.is_crowded_out.store(true, Ordering::Relaxed);
            // Release it at once: if many answers grow together, some of them can then be made.
            drop(self.0.holding.take());
            self.0.exceeded.notify_one();
        }
        has_room
    }

    /// Returns how many bytes the answer may take.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Returns how many bytes large answers may take together.
    pub fn limit_together(&self) -> usize {
        self.0.holding.memory().limit()
    }

    /// Returns whether the answer took more bytes than its limit.
    pub fn is_exceeded(&self) -> bool {
        self.0.used.load(Ordering::Relaxed) > self.0.limit
    }

    /// Returns whether other answers left too little memory for this one.
    pub fn is_crowded_out(&self) -> bool {
        self.0.is_crowded_out.load(Ordering::Relaxed)
    }

    /// Waits until the answer exceeds its limit, or other answers leave too little memory for it.
    pub async fn exceeded(&self) {
        self.0.exceeded.notified().await;
    }

    /// Ends an answer and resets the budget for the next answer of a subscription. Returns the memory that the answer
    /// holds.
    pub fn finish(&self) -> Holding {
        self.0.used.store(0, Ordering::Relaxed);
        self.0.at_turn.store(0, Ordering::Relaxed);
        self.0.is_crowded_out.store(false, Ordering::Relaxed);
        // If a part of the answer still waits for the permit, the answer was stopped, and the part is dropped with it.
        if let Ok(mut large) = self.0.large.try_lock() {
            self.0.is_permitted.store(false, Ordering::Relaxed);
            *large = None;
        }
        self.0.holding.take()
    }
}

/// Waits until the operation may load a page of large rows.
pub async fn permit_load(context: &Context<'_>) -> Option<LoadPermit> {
    let budget: &AnswerBudget = context.data_opt()?;
    let above = std::iter::successors(context.path_node.as_ref(), |node| node.parent);
    let depth = above.count();
    let of_depth = {
        let mut loads = budget.0.loads.lock().ok()?;
        let new = || Arc::new(Semaphore::new(1));
        Arc::clone(loads.entry(depth).or_insert_with(new))
    };
    // Fails only if the semaphore is closed, which never happens.
    of_depth.acquire_owned().await.ok()
}

/// Waits until the operation may load a page of rows that are too large to be loaded with other pages. Its answer
/// counts as large.
pub async fn permit_large_load(context: &Context<'_>) -> Option<LoadPermit> {
    let budget: &AnswerBudget = context.data_opt()?;
    let permit = permit_load(context).await;
    budget.wait_for_permit().await;
    permit
}

/// Counts bytes of an answer. Returns whether the answer may take them.
fn charge(context: &ContextSelectionSet<'_>, bytes: usize) -> bool {
    let budget = context.data_opt::<AnswerBudget>();
    budget.is_none_or(|budget| budget.charge(bytes))
}

/// A text whose length depends on the data. In the schema it is a `String`.
///
/// If the budget is exceeded, it is null without an error. The whole answer is then replaced by one error, and an error
/// for each text would take more memory than the text.
#[derive(Debug, Clone, Default)]
pub struct Text<T>(pub T);

impl<T> From<T> for Text<T> {
    fn from(text: T) -> Text<T> {
        Text(text)
    }
}

impl<T: AsRef<str> + Send + Sync> OutputType for Text<T> {
    fn type_name() -> Cow<'static, str> {
        #[cfg(test)]
        if tests::is_marking() {
            return <Marked as OutputType>::type_name();
        }
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        #[cfg(test)]
        if tests::is_marking() {
            return <Marked as OutputType>::create_type_info(registry);
        }
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let text = self.0.as_ref();
        if !charge(context, text.len() + TEXT) {
            return Ok(Value::Null);
        }
        Ok(Value::String(text.to_owned()))
    }
}

/// A JSON document. In the schema it is a `JSON`. If the budget is exceeded, it is null, like a [`Text`].
#[derive(Debug, Clone)]
pub struct Document<T>(pub T);

impl<T: Borrow<Json> + Send + Sync> OutputType for Document<T> {
    fn type_name() -> Cow<'static, str> {
        #[cfg(test)]
        if tests::is_marking() {
            return <Marked as OutputType>::type_name();
        }
        <Json as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        #[cfg(test)]
        if tests::is_marking() {
            return <Marked as OutputType>::create_type_info(registry);
        }
        <Json as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let document = self.0.borrow();
        if !charge(context, weigh(document)) {
            return Ok(Value::Null);
        }
        Ok(write(document))
    }
}

/// Converts a document to a value of the answer. The conversion of async-graphql would copy the document first.
fn write(document: &Json) -> Value {
    match document {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(value) => Value::Number(value.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(write).collect()),
        Json::Object(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(name, value)| (Name::new(name), write(value)))
                    .collect(),
            )
        }
    }
}

/// Estimates how many bytes a document takes in memory.
pub(super) fn weigh(document: &Json) -> usize {
    JSON_VALUE
        + match document {
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            Json::String(text) => text.len(),
            Json::Array(items) => items.iter().map(weigh).sum(),
            Json::Object(members) => {
                let members = members.iter();
                members.map(|(name, value)| name.len() + weigh(value)).sum()
            }
        }
}

/// Replaces the scalars that are counted, in the test that finds the fields that are not counted.
#[cfg(test)]
struct Marked;

#[cfg(test)]
#[async_graphql::Scalar(name = "Counted")]
impl async_graphql::ScalarType for Marked {
    fn parse(value: Value) -> async_graphql::InputValueResult<Self> {
        Err(async_graphql::InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

#[cfg(test)]
mod tests;
