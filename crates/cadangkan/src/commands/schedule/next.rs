use cadangkan_core::{Clock, Result, Timestamp};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::schedules::{self, ScheduleEntry, Source};
use crate::ui::time::{format_age, format_moment};

/// How many runs are shown of each.
const SHOWN: usize = 10;

/// Arguments of `schedule next`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan schedule next\n  cadangkan schedule next shop --output json")]
pub(super) struct NextArgs {
    /// The database [default: all]
    database: Option<String>,
}

/// Shows when each schedule comes next, by the clocks of its zone.
pub(super) fn run(app: &App, args: &NextArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let mut found = schedules::all(&session)?;
    found.retain(ScheduleEntry::is_active);
    match &args.database {
        Some(name) => {
            let entry = session.inventory.database(name)?;
            found.retain(|known| known.plan.database == entry.name);
        }
        // The nightly rounds of all would hide what people set.
        None => found.retain(|known| known.source != Source::Scheduler),
    }
    let now = app.clock.now();
    let coming: Vec<(&ScheduleEntry, Vec<Timestamp>)> =
        found.iter().map(|entry| (entry, next_runs(entry, now))).collect();
    let values: Vec<_> = coming
        .iter()
        .map(|(ScheduleEntry { plan, .. }, times)| {
            json!({
                "database": plan.database,
                "schedule": plan.name,
                "task": plan.schedule.task,
                "when": plan.schedule.words(),
                "timezone": plan.schedule.zone().iana_name(),
                "next_due": times,
            })
        })
        .collect();
    app.print(&values, || {
        if coming.is_empty() {
            return "No schedule is active.\n".to_owned();
        }
        let one = |(entry, times): &(&ScheduleEntry, Vec<Timestamp>)| text(app, entry, times);
        coming.iter().map(one).collect::<Vec<_>>().join("\n")
    })
}

fn next_runs(entry: &ScheduleEntry, now: Timestamp) -> Vec<Timestamp> {
    let schedule = &entry.plan.schedule;
    std::iter::successors(schedule.begins_after(now), |time| schedule.begins_after(*time))
        .take(SHOWN)
        .collect()
}

fn text(app: &App, ScheduleEntry { plan, .. }: &ScheduleEntry, times: &[Timestamp]) -> String {
    let title = format!(
        "{} {}, {}: {}",
        plan.database,
        plan.name,
        plan.schedule.task.as_str(),
        plan.schedule.words()
    );
    let mut text = format!("{}\n", app.style.bold(&title));
    for time in times {
        let age = app.style.dim(&format_age(*time, app.clock.now()));
        text.push_str(&format!("  {}  {age}\n", format_moment(*time, &plan.schedule.zone())));
    }
    text
}
