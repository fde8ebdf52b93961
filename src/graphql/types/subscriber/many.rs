//! Subscribers: upserts of many at once.

use super::input::{UpsertSubscriberInput, UpsertSubscriberPayload};
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::upsert::{Upsert, Upserted, upsert_all};
use crate::error::{Error, InputProblem, first_problems};
use crate::graphql::engine::change::change;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split, to_graphql};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use std::collections::BTreeSet;

/// The most subscribers that can be upserted at once.
const MAX_SUBSCRIBERS: usize = 1_000;

/// The subscribers to create or change.
#[derive(InputObject)]
pub struct UpsertSubscribersInput {
    /// The subscribers; at most 1,000. An address that occurs several times is applied each time, in order, and a
    /// notice says so.
    pub subscribers: Vec<UpsertSubscriberInput>,
}

/// The result for each subscriber.
#[derive(SimpleObject, Default)]
pub struct UpsertSubscribersPayload {
    /// A result for each item of `subscribers`, in their order.
    pub results: Vec<UpsertSubscriberPayload>,
    /// The errors of the input, of all results together, such as at `subscribers[3].email`; the first 100 and how many
    /// others there are. Subscribers without an error were written.
    pub user_errors: Vec<UserError>,
}

/// Changes of many subscribers.
#[derive(Default)]
pub struct SubscribersMutation;

#[Object]
impl SubscribersMutation {
    /// Adds or changes up to 1,000 subscribers, as `upsertSubscriber` does with one. Invalid ones are reported in
    /// `userErrors` and skipped. The others are written, in one transaction.
    async fn upsert_subscribers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The subscribers.")] input: UpsertSubscribersInput,
    ) -> async_graphql::Result<UpsertSubscribersPayload> {
        let asked = input.subscribers.len();
        if asked > MAX_SUBSCRIBERS {
            let message = format!("expected at most {MAX_SUBSCRIBERS} subscribers, found {asked}");
            let error = UserError::new(UserErrorCode::Invalid, "subscribers", message);
            return Ok(UpsertSubscribersPayload {
                user_errors: vec![error],
                ..Default::default()
            });
        }
        let now = context.app()?.now();
        let upserts = input.subscribers.into_iter().map(read);
        let upserts = upserts.collect::<Result<Vec<_>, Error>>();
        let upserts = upserts.map_err(to_graphql)?;
        let written = change(context, move |connection| {
            let written = upsert_all(connection, &upserts, now)?;
            let trace = trace(&upserts, &written);
            Ok((written, trace))
        });
        payload(written.await.map_err(to_graphql)?)
    }
}

/// Returns the trace for the audit log: the subscribers that were written, and every field that was set on any of them.
fn trace(upserts: &[Result<Upsert, Vec<InputProblem>>], written: &[Upserted]) -> Trace {
    let mut ids = Vec::new();
    let mut fields = BTreeSet::new();
    for (upsert, stored) in upserts.iter().zip(written) {
        if let (Ok(upsert), Ok(stored)) = (upsert, stored) {
            ids.push(stored.subscriber.id);
            fields.extend(upsert.names());
        }
    }
    match ids.is_empty() {
        true => Trace::nothing(),
        false => Trace::to(TargetKind::Subscriber)
            .with_subscribers(&ids)
            .with_fields(fields.into_iter().collect()),
    }
}

fn read(input: UpsertSubscriberInput) -> Result<Result<Upsert, Vec<InputProblem>>, Error> {
    match input.read() {
        Ok(upsert) => Ok(Ok(upsert)),
        Err(Error::Invalid(problems)) => Ok(Err(problems)),
        Err(error) => Err(error),
    }
}

fn payload(results: Vec<Upserted>) -> async_graphql::Result<UpsertSubscribersPayload> {
    let mut all = Vec::new();
    let mut told = Vec::with_capacity(results.len());
    for (place, result) in results.into_iter().enumerate() {
        let result = result.map_err(|problems| {
            let problems: Vec<InputProblem> = first_problems(problems)
                .into_iter()
                .map(|problem| problem.below(&format!("subscribers[{place}]")))
                .collect();
            all.extend(problems.iter().cloned());
            Error::Invalid(problems)
        });
        let mut payload = UpsertSubscriberPayload::from(split(result)?);
        for notice in &mut payload.notices {
            notice.path = format!("subscribers[{place}].{}", notice.path.0).into();
        }
        told.push(payload);
    }
    let user_errors = if all.is_empty() {
        Vec::new()
    } else {
        split::<()>(Err(Error::Invalid(all)))?
            .err()
            .unwrap_or_default()
    };
    Ok(UpsertSubscribersPayload {
        results: told,
        user_errors,
    })
}
