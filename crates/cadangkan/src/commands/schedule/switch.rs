use cadangkan_core::{Clock, Error, ErrorKind, Result};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::schedules::{self, Source};

/// Arguments of `schedule enable` and `schedule disable`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan schedule disable shop\n  cadangkan schedule enable shop --name check"
)]
pub(super) struct SwitchArgs {
    /// The database
    database: String,
    /// Only this one of its schedules [default: all]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Pauses or resumes schedules.
pub(super) fn run(app: &App, args: &SwitchArgs, enabled: bool) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    let mut found = schedules::of(&session, &entry.name, args.name.as_deref())?;
    if args.name.is_none() {
        found.retain(|known| known.source != Source::Scheduler);
    }
    if found.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("\"{}\" has no schedule", entry.name))
            .hint(format!("make one with `cadangkan schedule set {} --daily`", entry.name)));
    }
    let off_in_file = |known: &&schedules::ScheduleEntry| {
        enabled && !known.plan.schedule.enabled && !known.paused && entry.enabled
    };
    if let Some(off) = found.iter().find(off_in_file) {
        let message = format!(
            "the schedule \"{}\" of \"{}\" is disabled where it is declared",
            off.plan.name, entry.name
        );
        return Err(Error::new(ErrorKind::Conflict, message)
            .context("at", &entry.origin)
            .hint("enable it there"));
    }
    let names: Vec<_> = found.iter().map(|known| known.plan.name.clone()).collect();
    if !app.global.dry_run {
        let now = app.clock.now();
        for name in &names {
            session.catalog()?.switch_schedule(&entry.name, name, enabled, now)?;
        }
    }
    let value = json!({ "database": entry.name, "schedules": names, "enabled": enabled, "dry_run": app.global.dry_run });
    app.print(&value, || {
        let state = if enabled { "enabled" } else { "disabled" };
        let is = if app.global.dry_run { "would be" } else { "is" };
        let line = |name: &String| format!("{} {}: {name} {is} {state}\n", app.style.good_mark(), entry.name);
        names.iter().map(line).collect()
    })
}
