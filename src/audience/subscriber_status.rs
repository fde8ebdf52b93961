//! Whether a subscriber gets the requested status: some changes need consent, and a suppressed address has a status.

use super::consent::{
    CONSENT_HINT, Consent, Notice, NoticeCode, Suppression, find_suppressions, lift_suppressions,
    needs_consent,
};
use super::status_change::{Cause, FirstStatus, remember_first};
use super::subscriber::Subscriber;
use super::subscriber_changes::SubscriberChanges;
use crate::db::Named;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::PgConnection;

/// Returns the current status and the requested status if the change needs consent and has none.
fn unagreed(subscriber: &Subscriber, changes: &SubscriberChanges) -> Option<(Status, Status)> {
    let from = subscriber.status.0;
    let to = changes.status?;
    (changes.consent.is_none() && needs_consent(from, to)).then_some((from, to))
}

/// Removes a status that lacks consent from the changes, and adds a notice about it.
pub fn keep_status(
    subscriber: &Subscriber,
    changes: &mut SubscriberChanges,
    notices: &mut Vec<Notice>,
) {
    let Some((from, to)) = unagreed(subscriber, changes) else {
        return;
    };
    changes.status = None;
    notices.push(Notice {
        code: NoticeCode::ConsentRequired,
        path: "status",
        message: format!(
            "the status stays {}: give \"consent\" to change it to {}",
            from.as_rule_str(),
            to.as_rule_str()
        ),
    });
}

/// Adds a problem if the requested status lacks consent.
pub fn check_consent(
    subscriber: &Subscriber,
    changes: &SubscriberChanges,
    problems: &mut Vec<InputProblem>,
) {
    if let Some((from, to)) = unagreed(subscriber, changes) {
        let message = format!(
            "the subscriber is {}: a change to {} needs consent",
            from.as_rule_str(),
            to.as_rule_str()
        );
        problems.push(
            InputProblem::new(InputCode::ConsentRequired, "status", message)
                .with_hint(Some(CONSENT_HINT.to_owned())),
        );
    }
}

/// The origin of a status that comes from a suppressed address. For a new subscriber it is stored once there is an id.
pub struct First {
    from: Option<&'static str>,
    cause: Cause,
}

impl First {
    /// Stores the first status of a new subscriber.
    pub fn remember(
        self,
        connection: &mut PgConnection,
        subscriber: &Subscriber,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let status = FirstStatus {
            subscriber_id: subscriber.id,
            from: self.from,
            to: subscriber.status.0.as_str(),
        };
        remember_first(connection, &[status], &self.cause, now)
    }
}

/// Gives a subscriber with a new address the status that is kept for the address. With consent, the suppression ends
/// instead. Returns the origin of the status if the address was suppressed.
pub fn meet_suppression(
    connection: &mut PgConnection,
    subscriber: &mut Subscriber,
    consent: Option<&Consent>,
    notices: &mut Vec<Notice>,
) -> Result<Option<First>, Error> {
    if subscriber.status.0.withholds() {
        return Ok(None);
    }
    let email = subscriber.email.clone();
    let kept = find_suppressions(connection, &[&email])?.remove(&email);
    let Some(Suppression { status, since }) = kept else {
        return Ok(None);
    };
    if let Some(consent) = consent {
        lift_suppressions(connection, &[&email], None)?;
        return Ok(Some(First {
            from: Some(status.as_str()),
            cause: Cause::api(Some(consent)),
        }));
    }
    subscriber.status = Named(status);
    subscriber.unsubscribed_at = Some(since);
    if subscriber.id == 0 {
        subscriber.subscribed_at = None;
    }
    notices.push(Notice {
        code: NoticeCode::Suppressed,
        path: "email",
        message: format!(
            "the status is {}: an earlier subscriber with this address had this status",
            status.as_rule_str()
        ),
    });
    Ok(Some(First {
        from: None,
        cause: Cause::suppression(),
    }))
}

/// Tells the triggers why the status of a known subscriber changes. If the change needs consent, the suppression of the
/// address ends.
pub fn tell_change(
    connection: &mut PgConnection,
    before: &Subscriber,
    changed: &Subscriber,
    consent: Option<&Consent>,
    first: Option<First>,
) -> Result<(), Error> {
    let (from, to) = (before.status.0, changed.status.0);
    if from == to {
        return Ok(());
    }
    if needs_consent(from, to) {
        lift_suppressions(connection, &[&changed.email], None)?;
    }
    let cause = first.map_or_else(|| Cause::api(consent), |first| first.cause);
    cause.tell(connection)
}
