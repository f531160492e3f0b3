use cadangkan_core::{Clock, Error, ErrorKind, Result};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::schedules::{self, Source, USUAL_NAME};

/// Arguments of `schedule remove`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Stays: what became of its runs, and their backups.\n\nExamples:\n  cadangkan schedule remove shop --name check"
)]
pub(super) struct RemoveArgs {
    /// The database
    database: String,
    /// The schedule
    #[arg(long, value_name = "NAME", default_value = USUAL_NAME)]
    name: String,
}

/// Removes a schedule after a yes.
pub(super) fn run(app: &App, args: &RemoveArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    let found = schedules::of(&session, &entry.name, Some(&args.name))?;
    if let Some(other) = found.iter().find(|known| known.source != Source::Catalog) {
        let message = format!(
            "the schedule \"{}\" of \"{}\" was not made with `schedule set`",
            other.plan.name, entry.name
        );
        return Err(Error::new(ErrorKind::Conflict, message).context("at", &entry.origin).hint(format!(
            "take it out there, or let it rest: cadangkan schedule disable {} --name {}",
            entry.name, args.name
        )));
    }
    let words = found.iter().map(|known| known.plan.schedule.words()).collect::<Vec<_>>().join("; ");
    let value = json!({ "database": entry.name, "schedule": args.name, "removed": !app.global.dry_run });
    let summary = format!("The schedule {} of {} goes: {words}.", args.name, entry.name);
    if app.global.dry_run {
        return app.print(&value, || format!("{summary}\nThis was a dry run: nothing was removed.\n"));
    }
    app.confirm(&summary, "Remove it?")?;
    session.catalog()?.undefine_schedule(&entry.name, &args.name, app.clock.now())?;
    app.print(&value, || {
        format!("{} Removed the schedule {} of {}\n", app.style.good_mark(), args.name, entry.name)
    })
}
