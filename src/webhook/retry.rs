//! When a message is sent again, and when an endpoint is disabled.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// Delays between attempts, in seconds, by the number of failures in a row. The last one repeats.
const DELAYS: [i64; 10] = [
    0,
    5,
    5 * 60,
    30 * 60,
    2 * 3_600,
    5 * 3_600,
    10 * 3_600,
    14 * 3_600,
    20 * 3_600,
    24 * 3_600,
];

/// The longest delay between two attempts, whatever `Retry-After` says.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// An endpoint is disabled when every attempt has failed for this long.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(3);

/// How much longer a delay may be than in the table, as a fraction, so that endpoints that failed together are not
/// tried together.
const JITTER: f64 = 0.1;

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// An administrator disabled the endpoint.
    Manual,
    /// The receiver answered 410 Gone.
    Gone,
    /// Every attempt failed for three days.
    Failing,
    /// The database was restored from a backup: its operator decides whether messages are sent again.
    Restored,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [DisabledReason; 4] = [
        DisabledReason::Manual,
        DisabledReason::Gone,
        DisabledReason::Failing,
        DisabledReason::Restored,
    ];

    /// Returns the name in the database.
    pub fn name(self) -> &'static str {
        match self {
            DisabledReason::Manual => "manual",
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
            DisabledReason::Restored => "restored",
        }
    }
}

/// The consequence of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has the message.
    Delivered,
    /// The message is sent again at this time.
    Again(DateTime<Utc>),
    /// The endpoint is disabled.
    Disable(DisabledReason),
}

/// The answer of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
}

/// Decides what follows from an attempt. `failures` attempts failed in a row before it, since `failing_since`; `jitter`
/// is a number from 0 to 1.
pub fn judge(
    outcome: Outcome<'_>,
    failures: u32,
    failing_since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    jitter: f64,
) -> Verdict {
    match outcome.status {
        Some(200..=299) => return Verdict::Delivered,
        Some(410) => return Verdict::Disable(DisabledReason::Gone),
        _ => {}
    }
    if failing_since.is_some_and(|since| now - since >= GIVE_UP_AFTER) {
        return Verdict::Disable(DisabledReason::Failing);
    }
    let planned = delay(failures.saturating_add(1), jitter);
    let asked = outcome.retry_after.and_then(|text| wait(text, now));
    let delay = planned.max(asked.unwrap_or_default()).min(LONGEST);
    Verdict::Again(now + delay)
}

/// Returns how long to wait after this many failures in a row.
fn delay(failures: u32, jitter: f64) -> TimeDelta {
    let row = usize::try_from(failures).unwrap_or(usize::MAX);
    let seconds = DELAYS[row.min(DELAYS.len() - 1)];
    // At most a tenth of a day, so the conversion cannot overflow.
    let later = seconds as f64 * 1_000.0 * JITTER * jitter.clamp(0.0, 1.0);
    TimeDelta::seconds(seconds) + TimeDelta::milliseconds(later as i64)
}

/// Returns how long `Retry-After` asks to wait: a number of seconds, or a date in one of the three forms of HTTP.
fn wait(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for its type counts as a long time.
        let seconds = text.parse().unwrap_or(i64::MAX);
        return Some(TimeDelta::try_seconds(seconds).unwrap_or(LONGEST));
    }
    let until = parse_date(text)?;
    Some((until - now).max(TimeDelta::zero()))
}

fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.to_utc());
    }
    // RFC 9110, section 5.6.7: recipients must accept the obsolete forms too.
    let forms = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let mut parsed = forms
        .iter()
        .filter_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    parsed.next().map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        "1994-11-06T08:49:37Z".parse().expect("a time")
    }

    fn status(status: u16) -> Outcome<'static> {
        Outcome {
            status: Some(status),
            retry_after: None,
        }
    }

    fn wait_of(failures: u32, retry_after: Option<&str>) -> TimeDelta {
        let outcome = Outcome {
            status: Some(503),
            retry_after,
        };
        match judge(outcome, failures, None, now(), 0.0) {
            Verdict::Again(at) => at - now(),
            other => panic!("expected another attempt, found {other:?}"),
        }
    }

    #[test]
    fn attempts_follow_the_table() {
        let minutes = |count| TimeDelta::minutes(count);
        let waits = [
            TimeDelta::seconds(5),
            minutes(5),
            minutes(30),
            minutes(120),
            minutes(300),
            minutes(600),
            minutes(840),
            minutes(1_200),
            minutes(1_440),
            minutes(1_440),
        ];
        for (failures, expected) in (0..).zip(waits) {
            assert_eq!(wait_of(failures, None), expected, "after {failures}");
        }
        assert_eq!(wait_of(u32::MAX, None), minutes(1_440));
    }

    #[test]
    fn any_2xx_delivers_and_nothing_else_does() {
        for code in [200, 201, 202, 204, 299] {
            assert_eq!(
                judge(status(code), 4, Some(now()), now(), 0.5),
                Verdict::Delivered
            );
        }
        for code in [
            100, 199, 300, 301, 307, 400, 401, 404, 408, 429, 500, 503, 599,
        ] {
            let judged = judge(status(code), 0, None, now(), 0.5);
            assert!(matches!(judged, Verdict::Again(_)), "{code}: {judged:?}");
        }
        let silent = Outcome {
            status: None,
            retry_after: None,
        };
        assert!(matches!(
            judge(silent, 0, None, now(), 0.5),
            Verdict::Again(_)
        ));
    }

    #[test]
    fn gone_disables_at_once() {
        let judged = judge(status(410), 0, None, now(), 0.5);
        assert_eq!(judged, Verdict::Disable(DisabledReason::Gone));
    }

    #[test]
    fn three_days_of_failures_disable() {
        let judged = |since| judge(status(500), 9, Some(since), now(), 0.0);
        let almost = now() - GIVE_UP_AFTER + TimeDelta::seconds(1);
        assert!(matches!(judged(almost), Verdict::Again(_)));
        let reached = Verdict::Disable(DisabledReason::Failing);
        assert_eq!(judged(now() - GIVE_UP_AFTER), reached);
        // By the table alone the tenth attempt is the last.
        let whole: i64 = DELAYS.iter().sum();
        let until_ninth = whole - DELAYS[9];
        assert!(TimeDelta::seconds(until_ninth) < GIVE_UP_AFTER);
        assert!(TimeDelta::seconds(whole) > GIVE_UP_AFTER);
    }

    #[test]
    fn retry_after_makes_attempts_later_and_never_earlier() {
        assert_eq!(wait_of(0, Some("120")), TimeDelta::seconds(120));
        assert_eq!(wait_of(0, Some(" 7 ")), TimeDelta::seconds(7));
        assert_eq!(wait_of(0, Some("0")), TimeDelta::seconds(5));
        assert_eq!(wait_of(3, Some("60")), TimeDelta::hours(2));
        assert_eq!(wait_of(0, Some("99999999999999999999")), LONGEST);
        assert_eq!(wait_of(0, Some("86401")), LONGEST);
    }

    #[test]
    fn retry_after_may_be_a_date() {
        for date in [
            "Sun, 06 Nov 1994 09:49:37 GMT",
            "Sunday, 06-Nov-94 09:49:37 GMT",
            "Sun Nov  6 09:49:37 1994",
        ] {
            assert_eq!(wait_of(0, Some(date)), TimeDelta::hours(1), "{date}");
        }
        let past = "Sun, 06 Nov 1994 07:49:37 GMT";
        assert_eq!(wait_of(0, Some(past)), TimeDelta::seconds(5));
        for text in ["", "soon", "-5", "1.5", "Sun, 31 Feb 1994 09:49:37 GMT"] {
            assert_eq!(wait_of(0, Some(text)), TimeDelta::seconds(5), "{text}");
        }
    }

    proptest! {
        #[test]
        fn jitter_adds_a_tenth_at_most(failures in 0u32..20, jitter in 0.0f64..=1.0) {
            let (plain, moved) = (delay(failures, 0.0), delay(failures, jitter));
            prop_assert!(moved >= plain);
            prop_assert!(moved <= plain + plain / 10);
        }

        #[test]
        fn no_answer_of_a_receiver_breaks_the_judgement(text in ".{0,40}", failures: u32) {
            let wait = wait_of(failures, Some(&text));
            prop_assert!(wait >= TimeDelta::seconds(5) && wait <= LONGEST);
        }
    }
}
