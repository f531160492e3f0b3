use std::collections::BTreeMap;

use cadangkan_catalog::{Job, JobState, ScheduleKey};
use cadangkan_core::{Clock, Result, Timestamp};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::daemon;
use crate::schedules::{self, ScheduleEntry, Source};
use crate::ui::Paint;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;

/// Arguments of `schedule list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan schedule list\n  cadangkan schedule list shop --output json")]
pub(super) struct ListArgs {
    /// The database [default: all]
    database: Option<String>,
}

/// Lists the schedules, with what the scheduler has of itself.
pub(super) fn run(app: &App, args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let mut found = schedules::all(&session)?;
    if let Some(name) = &args.database {
        let entry = session.inventory.database(name)?;
        found.retain(|known| known.plan.database == entry.name);
    }
    let catalog = session.catalog()?;
    let key = |job: &Job| (job.database.clone(), job.schedule.clone());
    let last: BTreeMap<ScheduleKey, Job> =
        catalog.last_jobs()?.into_iter().map(|job| (key(&job), job)).collect();
    let open: BTreeMap<ScheduleKey, Job> =
        catalog.open_jobs()?.into_iter().map(|job| (key(&job), job)).collect();
    let now = app.clock.now();
    let rows: Vec<Row<'_>> = found
        .iter()
        .map(|schedule| {
            let key = (schedule.plan.database.clone(), schedule.plan.name.clone());
            let next = schedule.is_active().then(|| schedule.plan.schedule.begins_after(now)).flatten();
            Row { schedule, next, last: last.get(&key), open: open.get(&key) }
        })
        .collect();
    let runs = daemon::is_running(&session)?;
    app.print(&rows.iter().map(Row::value).collect::<Vec<_>>(), || text(app, &session, &rows, runs))
}

struct Row<'a> {
    schedule: &'a ScheduleEntry,
    next: Option<Timestamp>,
    last: Option<&'a Job>,
    open: Option<&'a Job>,
}

impl Row<'_> {
    fn value(&self) -> Value {
        let plan = &self.schedule.plan;
        json!({
            "database": plan.database,
            "schedule": plan.name,
            "task": plan.schedule.task,
            "when": plan.schedule.words(),
            "retention": self.schedule.retention,
            "source": self.schedule.source,
            "enabled": self.schedule.is_active(),
            "paused": self.schedule.paused,
            "next_due": self.next,
            "open": self.open,
            "last": self.last,
        })
    }

    fn state(&self, now: Timestamp) -> Cell {
        match (self.open, self.schedule.is_active(), self.schedule.paused) {
            (Some(job), _, _) if job.is_left_behind(now) => Cell::painted("left behind", Paint::Red),
            (Some(job), _, _) if job.state == JobState::Running => Cell::painted("running", Paint::Green),
            (Some(_), _, _) => Cell::painted("waiting", Paint::Yellow),
            (None, true, _) => Cell::painted("enabled", Paint::Green),
            (None, false, true) => Cell::painted("paused", Paint::Yellow),
            (None, false, false) => Cell::painted("disabled", Paint::Yellow),
        }
    }
}

fn text(app: &App, session: &Session, rows: &[Row<'_>], runs: bool) -> String {
    if rows.is_empty() {
        let first = session.inventory.databases().first().map_or("<database>", |entry| entry.name.as_str());
        return format!("No schedules yet. Make one with `cadangkan schedule set {first} --daily`.\n");
    }
    let now = app.clock.now();
    let mut table = Table::new([
        ("database", Align::Left),
        ("schedule", Align::Left),
        ("task", Align::Left),
        ("state", Align::Left),
        ("when", Align::Left),
        ("next", Align::Left),
        ("last", Align::Left),
    ]);
    for row in rows {
        let plan = &row.schedule.plan;
        // Declared in the file: read-only here.
        let lock = match (row.schedule.source, app.style.has_unicode()) {
            (Source::Catalog, _) => "",
            (Source::Scheduler, _) => " (built in)",
            (_, true) => " 🔒",
            (_, false) => " (file)",
        };
        let next = row.next.map_or("-".to_owned(), |next| format_age(next, now));
        table.row([
            plan.database.to_string().into(),
            format!("{}{lock}", plan.name).into(),
            plan.schedule.task.as_str().into(),
            row.state(now),
            plan.schedule.words().into(),
            next.into(),
            row.last.map_or(Cell::from("never"), |job| ended(job, now)),
        ]);
    }
    let warning = "\nNothing runs until the scheduler does: cadangkan daemon\n";
    format!("{}{}", table.render(app.style), if runs { "" } else { warning })
}

fn ended(job: &Job, now: Timestamp) -> Cell {
    let when = format_age(job.finished_at.unwrap_or(job.due_at), now);
    let paint = match job.state {
        JobState::Completed => Paint::Green,
        JobState::Failed | JobState::Missed => Paint::Red,
        _ => Paint::Yellow,
    };
    Cell::painted(format!("{} {when}", job.state), paint)
}
