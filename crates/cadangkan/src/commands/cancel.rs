use cadangkan_core::{Error, ErrorKind, Name, Result};

use crate::app::{App, CatalogNeed};
use crate::daemon::control::{Question, ask};
use crate::ui::count::count;

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A run that somebody began by hand is stopped there, with Ctrl-C.\n\nExamples:\n  cadangkan cancel shop"
)]
pub(crate) struct CancelArgs {
    /// The database
    database: Name,
}

/// Asks the scheduler to stop what runs of a database, and to forget what waits.
pub(crate) fn run(app: &App, args: &CancelArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let database = args.database.to_string();
    // A database that is gone may still have a run; only where there is none its name is asked after.
    if !session.catalog()?.open_jobs()?.iter().any(|job| job.database == args.database) {
        session.inventory.database(&database)?;
        return Err(nothing(&args.database));
    }
    app.confirm(
        &format!("Scheduled runs of {database} are stopped; what they wrote is removed."),
        "Stop them?",
    )?;
    let answer = ask(session.home(), &Question::Cancel { database })?;
    let cancelled = answer.get("cancelled").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if cancelled == 0 {
        return Err(nothing(&args.database));
    }
    app.print(&answer, || {
        format!("{} Stopped {} of {}\n", app.style.good_mark(), count(cancelled, "run"), args.database)
    })
}

fn nothing(database: &Name) -> Error {
    let message = format!("no scheduled run of \"{database}\" is under way or waits");
    Error::new(ErrorKind::NotFound, message).hint("`cadangkan schedule list` shows what is")
}
