//! Objects and lists whose fields are polled as soon as they are reached, and written as soon as they are known.
//!
//! async-graphql makes a future for every field of every object, collects them and drives them all together. Here most
//! fields are known and are written at once ([`at_hand`](super::at_hand)). The future of any other field is polled once
//! when it is made. Only those that are pending are kept and driven together. A future that is ready leaves its memory
//! to the next one. Extensions are not called: the only one is [`error_paths`](super::error_paths), whose work is done
//! here.

use super::answer_budget::AnswerBudget;
use super::at_hand::{AtHand, Written, write_field_of};
use super::error_paths::remember_path;
use super::written::Writing;
use async_graphql::futures_util::future::try_join_all;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    ContainerType, ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
};
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::task::Poll;
use tokio::task::coop::consume_budget;
use tokio_util::sync::ReusableBoxFuture;

/// How many small items of a list count as one step of a task.
const TURN: usize = 4;

/// An object. In the schema it has the type of `T`.
pub struct Quick<T>(pub T);

/// A list. In the schema it is the same as a [`Vec`].
pub struct Items<T>(pub Vec<T>);

impl<T: ContainerType + AtHand> OutputType for Quick<T> {
    fn type_name() -> Cow<'static, str> {
        <T as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <T as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let set = &context.item.node;
        let mut fields = Vec::with_capacity(set.items.len());
        list_fields::<T>(set, &mut fields);
        let mut out = Writing::new(context);
        let (mut places, mut waiting) = (Vec::new(), Vec::new());
        out.signs("{");
        for (place, field) in fields.into_iter().enumerate() {
            out.separate(place);
            out.name(&field.node.response_key().node);
            let begun = out.mark();
            if write_field_of(&self.0, &context.with_field(field), &mut out).is_none() {
                out.take_back(begun);
                places.push(begun.length);
                waiting.push(field);
            }
        }
        out.signs("}");
        let asked = waiting
            .into_iter()
            .map(|field| ask(context, &self.0, field));
        Ok(out.finish(&places, ask_all(asked).await?))
    }
}

impl<T: OutputType + Written> OutputType for Items<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let of_items = context.with_field(field);
        let mut out = Writing::new(context);
        let (mut places, mut waiting) = (Vec::new(), Vec::new());
        out.signs("[");
        for (place, item) in self.0.iter().enumerate() {
            out.separate(place);
            let begun = out.mark();
            // If one item must be awaited, most of the others must too, because the same fields are selected on all.
            if !waiting.is_empty() || item.write(&of_items, &mut out).is_none() {
                out.take_back(begun);
                places.push(begun.length);
                waiting.push((place, item));
            } else {
                out.take_turns().await;
            }
        }
        out.signs("]");
        let asked = waiting.into_iter();
        let asked = asked.map(|(place, item)| ask_item(context, field, place, item));
        Ok(out.finish(&places, ask_all(asked).await?))
    }
}

/// Lists the fields that are selected on a type. A translated document has each of them once, and fragments only on
/// object types.
pub(super) fn list_fields<'s, T: OutputType>(
    set: &'s SelectionSet,
    fields: &mut Vec<&'s Positioned<Field>>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => fields.push(field),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                if condition.is_none_or(|condition| *condition.node.on.node == *T::type_name()) {
                    list_fields::<T>(&fragment.node.selection_set.node, fields);
                }
            }
            // The translation has inlined these.
            Selection::FragmentSpread(_) => {}
        }
    }
}

async fn ask<'r, T: ContainerType>(
    context: &'r ContextSelectionSet<'r>,
    object: &'r T,
    field: &'r Positioned<Field>,
) -> ServerResult<Value> {
    let context = context.with_field(field);
    let value = object.resolve_field(&context).await;
    Ok(value.map_err(remember_path)?.unwrap_or_default())
}

async fn ask_item<'r, T: OutputType>(
    context: &'r ContextSelectionSet<'r>,
    field: &'r Positioned<Field>,
    place: usize,
    item: &'r T,
) -> ServerResult<Value> {
    if place % TURN == TURN - 1 {
        consume_budget().await;
    }
    if let Some(budget) = context.data_opt::<AnswerBudget>() {
        budget.take_turns().await;
    }
    let context = context.with_index(place);
    let value = item.resolve(&context, field).await;
    value.map_err(|error| remember_path(context.set_error_path(error)))
}

/// A value that is being resolved.
type Resolving<'r> = ReusableBoxFuture<'r, ServerResult<Value>>;

/// Starts the next future, in free memory if there is any, or else in new memory.
fn begin_next<'r, F>(
    asked: &mut impl Iterator<Item = F>,
    free: &mut Option<Resolving<'r>>,
) -> Option<Resolving<'r>>
where
    F: Future<Output = ServerResult<Value>> + Send + 'r,
{
    let next = asked.next()?;
    let Some(mut used) = free.take() else {
        return Some(ReusableBoxFuture::new(next));
    };
    used.set(next);
    Some(used)
}

/// Polls each future once, and then drives those that are pending together.
async fn ask_all<'r, F>(mut asked: impl ExactSizeIterator<Item = F>) -> ServerResult<Vec<Value>>
where
    F: Future<Output = ServerResult<Value>> + Send + 'r,
{
    let mut values = Vec::with_capacity(asked.len());
    let mut waiting = Vec::new();
    let mut free = None;
    while let Some(mut value) = begin_next(&mut asked, &mut free) {
        match poll_fn(|context| Poll::Ready(value.poll(context))).await {
            Poll::Ready(ready) => {
                values.push(ready?);
                free = Some(value);
            }
            Poll::Pending => {
                waiting.push((values.len(), value));
                values.push(Value::Null);
            }
        }
    }
    drop(free);
    let (places, waiting): (Vec<usize>, Vec<_>) = waiting.into_iter().unzip();
    for (place, value) in places.into_iter().zip(try_join_all(waiting).await?) {
        values[place] = value;
    }
    Ok(values)
}
