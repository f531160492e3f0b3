use cadangkan_catalog::{Job, JobFilter, JobState};
use cadangkan_core::{Clock as _, Result, Timestamp};

use crate::app::{App, CatalogNeed};
use crate::ui::Paint;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_moment;

/// Arguments of `schedule history`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan schedule history shop\n  cadangkan schedule history --limit 100 --output json"
)]
pub(super) struct HistoryArgs {
    /// The database [default: all]
    database: Option<String>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u64,
}

/// Shows what became of each time that something was due, the newest first.
pub(super) fn run(app: &App, args: &HistoryArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let database = match &args.database {
        Some(name) => Some(session.inventory.database(name)?.name.clone()),
        None => None,
    };
    let filter = JobFilter { database, limit: Some(args.limit), ..JobFilter::default() };
    let jobs = session.catalog()?.jobs(&filter)?;
    let now = app.clock.now();
    app.print(&jobs, || {
        if jobs.is_empty() {
            return "Nothing was due yet.\n".to_owned();
        }
        let mut table = Table::new([
            ("database", Align::Left),
            ("schedule", Align::Left),
            ("task", Align::Left),
            ("due", Align::Left),
            ("result", Align::Left),
            ("tries", Align::Right),
            ("run", Align::Right),
            ("why", Align::Left),
        ]);
        for job in &jobs {
            table.row([
                job.database.to_string().into(),
                job.schedule.clone().into(),
                job.task.clone().into(),
                format_moment(job.due_at, &session.zone()).into(),
                result(job, now),
                job.attempt.to_string().into(),
                job.run_id.map_or(String::new(), |run| run.to_string()).into(),
                why(job, now).into(),
            ]);
        }
        table.render(app.style)
    })
}

/// The cause; of what was left behind, what will become of it.
fn why(job: &Job, now: Timestamp) -> String {
    match job.is_left_behind(now) {
        true => "its scheduler has not been heard of; the next one goes on with it".to_owned(),
        false => job.reason.clone().unwrap_or_default(),
    }
}

fn result(job: &Job, now: Timestamp) -> Cell {
    if job.is_left_behind(now) {
        return Cell::painted("left behind", Paint::Red);
    }
    let times = if job.count > 1 { format!(" ×{}", job.count) } else { String::new() };
    let paint = match job.state {
        JobState::Completed | JobState::Running => Paint::Green,
        JobState::Failed | JobState::Missed => Paint::Red,
        _ => Paint::Yellow,
    };
    Cell::painted(format!("{}{times}", job.state), paint)
}
