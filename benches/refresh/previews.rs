//! Previews of rules that are not stored, over the whole audience, exact and with a count at every node.

use super::{settings, timed};
use chrono::{DateTime, Utc};
use rollcall::audience::catalogue::load_catalogue;
use rollcall::db::Db;
use rollcall::rule::{Moment, parse_and_check};
use rollcall::scan::{PreviewRequest, preview};
use serde_json::{Value, json};

/// Previews a rule about fields and groups, and the same with events.
pub fn report(db: &Db, workers: usize, now: DateTime<Utc>) -> anyhow::Result<()> {
    for (name, rule) in [
        ("preview of fields and groups", of_profiles()),
        ("preview with events of the last 90 days", with_events()),
    ] {
        let catalogue = db.run_here(load_catalogue)?;
        let checked = parse_and_check(&rule, &catalogue, None);
        let (_, rule) = checked.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let settings = settings(workers, now);
        let request = PreviewRequest {
            rule,
            compare_to: None,
            moment: Moment {
                now,
                zone: chrono_tz::UTC,
            },
            sample_size: 10,
        };
        let mut counts = Vec::new();
        let taken = timed(|| {
            counts = preview(db, &request, &settings)?.node_counts;
            Ok(())
        })?;
        println!(
            "{name:<44}{:>9.2} s, {} nodes, {} members",
            taken.as_secs_f64(),
            counts.len(),
            counts[0]
        );
    }
    Ok(())
}

fn of_profiles() -> Value {
    json!({"all": [
        {"status": {"in": ["SUBSCRIBED"]}},
        {"any": [
            {"text": {"field": "country", "is": {"in": ["LT", "LV", "EE"]}}},
            {"text": {"field": "custom.plan", "is": {"equals": "team"}}}]},
        {"not": {"group": {"inAny": ["staff", "press"]}}},
        {"date": {"field": "birthday", "is": {"before": "1990-01-01"}}},
        {"number": {"field": "custom.visits", "is": {"atLeast": 100}}}]})
}

fn with_events() -> Value {
    let recently = json!({"amount": 90, "unit": "DAY"});
    json!({"all": [
        of_profiles(),
        {"event": {"name": "purchase", "inTheLast": recently, "average": {"atLeast": 50}}},
        {"event": {"name": "visit", "inTheLast": recently, "distinctDays": {"atLeast": 1}}},
        {"event": {"names": ["visit", "open"], "count": {"atLeast": 3}}}]})
}
