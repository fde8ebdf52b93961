//! Writers, a follower, a refresh and a prober at the same time.

use super::{Arguments, refresh_all, report, timed};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall::audience::event::{self, NewEvent};
use rollcall::audience::group;
use rollcall::db::Db;
use rollcall::error::Error;
use rollcall::follow::{Follower, Step};
use rollcall::scan::RefreshSettings;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The city of the members of the watched segment.
pub const PROBED: &str = "Probed";
/// How long the load lasts before the refresh begins.
const BEFORE: Duration = Duration::from_secs(3);

/// Runs the load with a refresh in it, and prints edits per second and how long membership took to follow.
pub fn run(
    db: &Db,
    arguments: &Arguments,
    watched: i64,
    settings: &RefreshSettings,
) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    let is_followed = AtomicBool::new(false);
    let edits = AtomicU64::new(0);
    let start = Instant::now();
    let (lags, during, seconds) = std::thread::scope(|scope| {
        let is_over = &is_over;
        let writers: Vec<_> = (0..arguments.writers)
            .map(|writer| {
                let edits = &edits;
                scope.spawn(move || write(db, arguments, writer, is_over, edits))
            })
            .collect();
        let is_followed = &is_followed;
        let follower = scope.spawn(move || follow(db, settings, is_followed));
        let prober = scope.spawn(move || probe(db, arguments, watched, is_over));
        std::thread::sleep(BEFORE);
        let began = start.elapsed();
        let taken = timed(|| refresh_all(db, settings));
        let ended = start.elapsed();
        let least = Duration::from_secs(arguments.seconds);
        std::thread::sleep(least.saturating_sub(start.elapsed()));
        is_over.store(true, Ordering::Relaxed);
        for writer in writers {
            join(writer)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        // The last probe waits for the follower.
        let lags = join(prober);
        is_followed.store(true, Ordering::Relaxed);
        join(follower)?;
        report("refresh beside the load", taken?);
        Ok::<_, anyhow::Error>((lags?, began..ended, seconds))
    })?;
    let edits = edits.load(Ordering::Relaxed);
    println!(
        "{:<52}{:>9.0} a second for {seconds:.0} s",
        "edits",
        edits as f64 / seconds
    );
    let (within, outside): (Vec<_>, Vec<_>) =
        lags.into_iter().partition(|(at, _)| during.contains(at));
    for (name, lags) in [("during the refresh", within), ("otherwise", outside)] {
        let mut lags: Vec<Duration> = lags.into_iter().map(|(_, lag)| lag).collect();
        lags.sort_unstable();
        let at = |share: f64| {
            let place = (lags.len() as f64 * share) as usize;
            lags.get(place.min(lags.len().saturating_sub(1)))
                .map_or(f64::NAN, Duration::as_secs_f64)
        };
        println!(
            "{:<52}{:>9.3} s median, {:.3} s for 95 %, {:.3} s the longest of {}",
            format!("from edit to membership, {name}"),
            at(0.5),
            at(0.95),
            at(1.0),
            lags.len()
        );
    }
    Ok(())
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?
}

/// Makes edits at an even pace, each in a transaction of its own.
fn write(
    db: &Db,
    arguments: &Arguments,
    writer: u32,
    is_over: &AtomicBool,
    edits: &AtomicU64,
) -> anyhow::Result<()> {
    let mut connection = db.connect()?;
    let pause = Duration::from_secs(1) * arguments.writers / arguments.edits;
    let start = Instant::now();
    for number in 0_u32.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let due = pause * number;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let spread = u64::from(number * arguments.writers + writer) * 2_654_435_761;
        let id = 1 + i64::try_from(spread % arguments.subscribers.unsigned_abs())?;
        edit(&mut connection, id, number)?;
        edits.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Changes a subscriber: seven times in ten the fields, twice by an event, once by a group.
fn edit(connection: &mut PgConnection, id: i64, number: u32) -> Result<(), Error> {
    let now = super::audience::NOW.parse().unwrap_or_default();
    match number % 10 {
        0..=6 => {
            let country = ["LT", "DE", "US"][number as usize % 3];
            connection.batch_execute(&format!(
                "UPDATE subscribers SET country = '{country}', \
                 custom = custom || jsonb_build_object('visits', {}) WHERE id = {id}",
                number % 500
            ))?;
        }
        7 | 8 => {
            let bought = NewEvent {
                subscriber_id: id,
                name: "purchase".to_owned(),
                occurred_at: now,
                value: Some(20.0),
                properties: serde_json::Map::new(),
                dedupe_key: None,
            };
            event::record(connection, &[bought])?;
        }
        _ => {
            group::add_members(connection, 1 + i64::from(number) % 4, &[id], "api", now)?;
        }
    }
    Ok(())
}

fn follow(db: &Db, settings: &RefreshSettings, is_followed: &AtomicBool) -> anyhow::Result<()> {
    let mut follower = Follower::default();
    while !is_followed.load(Ordering::Relaxed) {
        if follower.step(db, settings)? == Step::Idle {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Changes somebody, waits until membership has followed, and so on. Returns when each was and how long it took.
fn probe(
    db: &Db,
    arguments: &Arguments,
    watched: i64,
    is_over: &AtomicBool,
) -> anyhow::Result<Vec<(Duration, Duration)>> {
    let mut connection = db.connect()?;
    let start = Instant::now();
    let mut lags = Vec::new();
    for number in 0_i64.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let id = 1 + number / 2 * 7_919 % arguments.subscribers;
        let joins = number % 2 == 0;
        let city = if joins {
            format!("'{PROBED}'")
        } else {
            "NULL".to_owned()
        };
        connection.batch_execute(&format!(
            "UPDATE subscribers SET city = {city} WHERE id = {id}"
        ))?;
        let changed = start.elapsed();
        let has_followed = format!("segment_has({watched}, {id}) = {joins}");
        let query = diesel::dsl::sql::<diesel::sql_types::Bool>(&has_followed);
        while !diesel::select(query.clone()).get_result::<bool>(&mut connection)? {
            std::thread::sleep(Duration::from_millis(2));
            anyhow::ensure!(
                start.elapsed() < changed + Duration::from_secs(60),
                "membership does not follow"
            );
        }
        lags.push((changed, start.elapsed() - changed));
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(lags)
}
