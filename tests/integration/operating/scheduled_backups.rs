//! Backups that a server makes by itself.

use crate::support::{Server, TestApp, instant};
use rollcall::backup::{
    Archive, BackupPlan, BackupSource, Due, newest_backup, next_backup, run_due,
};
use serde_json::json;
use std::path::Path;

fn plan(dir: &Path) -> BackupPlan {
    BackupPlan {
        dir: dir.join("backups"),
        at: chrono::NaiveTime::from_hms_opt(2, 30, 0).expect("a time"),
        keep: "2d".parse().expect("what to keep"),
        data_dir: dir.to_owned(),
    }
}

fn run_at(app: &TestApp, plan: &BackupPlan, now: &str) -> Due {
    let source = BackupSource {
        db: app.db().clone(),
        data_dir: plan.data_dir.clone(),
        is_stopping: Default::default(),
    };
    run_due(&source, plan, instant(now)).expect("a look")
}

#[test]
fn a_backup_is_made_once_a_day_in_the_zone_of_the_database() {
    let app = TestApp::in_zone("2026-03-01T12:00:00Z", chrono_tz::Europe::Vilnius);
    app.subscriber("ona@example.com", json!({}));
    let dir = tempfile::tempdir().expect("a directory");
    let plan = plan(dir.path());
    let now = instant("2026-03-01T12:00:00Z");
    assert_eq!(
        next_backup(app.db(), &plan, now).expect("a time"),
        instant("2026-03-02T00:30:00Z")
    );
    assert_eq!(
        run_at(&app, &plan, "2026-03-01T12:00:00Z"),
        Due::No,
        "a database that never had it"
    );
    assert_eq!(run_at(&app, &plan, "2026-03-02T00:29:59Z"), Due::No);
    for day in 2..=5 {
        let made = run_at(&app, &plan, &format!("2026-03-{day:02}T00:30:01Z"));
        let path = plan
            .dir
            .join(format!("rollcall-202603{day:02}T003001Z.backup"));
        assert_eq!(
            made,
            Due::Made(
                path.clone(),
                instant(&format!("2026-03-{day:02}T00:30:01Z"))
            )
        );
        assert_eq!(
            Archive::open(&path).expect("a backup").manifest.rows["subscribers"],
            1
        );
        assert_eq!(
            run_at(&app, &plan, &format!("2026-03-{day:02}T08:00:00Z")),
            Due::No
        );
    }
    assert_eq!(
        newest_backup(&plan.dir),
        Some(instant("2026-03-05T00:30:01Z"))
    );
    let kept = std::fs::read_dir(&plan.dir).expect("a directory").count();
    assert_eq!(kept, 2);
}

#[test]
fn a_backup_that_failed_is_made_by_the_next_look() {
    let app = TestApp::at("2026-03-01T12:00:00Z");
    let dir = tempfile::tempdir().expect("a directory");
    let mut plan = plan(dir.path());
    assert_eq!(run_at(&app, &plan, "2026-03-01T12:00:00Z"), Due::No);
    let good = std::mem::replace(&mut plan.dir, "/proc/none".into());
    let source = BackupSource {
        db: app.db().clone(),
        data_dir: dir.path().to_owned(),
        is_stopping: Default::default(),
    };
    run_due(&source, &plan, instant("2026-03-02T03:00:00Z")).expect_err("no directory");
    plan.dir = good;
    let made = run_at(&app, &plan, "2026-03-02T03:05:00Z");
    assert!(matches!(made, Due::Made(..)), "{made:?}");
}

#[test]
fn what_to_keep_is_checked_at_the_start() {
    let app = TestApp::at("2026-03-01T12:00:00Z");
    let dir = tempfile::tempdir().expect("a directory");
    let refused = super::on(&app.database, &["serve", "--keep-backups", "7"]).to_string();
    assert!(
        refused.contains("expected numbers of days, weeks and months such as 7d,4w,6m"),
        "{refused}"
    );
    let backups = dir.path().to_str().expect("a plain path");
    let server =
        Server::start_with(&["--database-url", &app.database.url, "--backup-dir", backups]);
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
}
