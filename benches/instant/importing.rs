//! What noting changes costs an import.

use super::{execute, timed};
use chrono::{DateTime, Utc};
use rollcall::db::Db;
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use std::fmt::Write;
use std::time::Duration;

/// How often each is timed, in turns; the shortest time counts.
const TURNS: usize = 3;

const WAYS: [(&str, &str); 3] = [
    (
        "without triggers",
        "ALTER TABLE subscribers DISABLE TRIGGER USER; ALTER TABLE events DISABLE TRIGGER USER",
    ),
    (
        "with triggers, nobody follows",
        "ALTER TABLE subscribers ENABLE TRIGGER USER; ALTER TABLE events ENABLE TRIGGER USER",
    ),
    (
        "with an instant segment",
        "UPDATE segments SET mode = 'instant' WHERE id = 1",
    ),
];

/// Times imports and prints them with their ratios.
pub fn report(db: &Db, rows: usize, now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut shortest = [[Duration::MAX; 2]; WAYS.len()];
    for turn in 0..TURNS {
        for (way, (_, prepare)) in WAYS.iter().enumerate() {
            execute(db, prepare)?;
            let emails: Vec<String> = (0..rows)
                .map(|row| format!("import{turn}x{way}x{row}@example.com"))
                .collect();
            let taken = [
                timed(|| subscribers(db, &emails, now))?,
                timed(|| events(db, &emails, now))?,
            ];
            for (shortest, taken) in shortest[way].iter_mut().zip(taken) {
                *shortest = taken.min(*shortest);
            }
        }
        let tidy = "UPDATE segments SET mode = 'daily'; TRUNCATE touches; DELETE FROM subscribers WHERE email LIKE 'import%'";
        execute(db, tidy)?;
        execute(db, "VACUUM")?;
    }
    for (kind, what) in ["subscribers", "events"].into_iter().enumerate() {
        for (way, (name, _)) in WAYS.iter().enumerate() {
            let taken = shortest[way][kind].as_secs_f64();
            let ratio = taken / shortest[0][kind].as_secs_f64();
            println!(
                "{:<52}{taken:>9.2} s, {ratio:.3} times",
                format!("import of {rows} {what}, {name}")
            );
        }
    }
    Ok(())
}

fn subscribers(db: &Db, emails: &[String], now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut text = "email,country,city\n".to_owned();
    for email in emails {
        writeln!(text, "{email},LT,Vilnius")?;
    }
    let options = SubscriberImport::default();
    import_subscribers(db, text.as_bytes(), &options, now, |_| {})?;
    Ok(())
}

fn events(db: &Db, emails: &[String], now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut text = "email,event,occurred_at,value\n".to_owned();
    for email in emails {
        writeln!(text, "{email},purchase,2026-06-01T10:00:00Z,12.5")?;
    }
    import_events(db, text.as_bytes(), &EventImport::default(), now, |_| {})?;
    Ok(())
}
