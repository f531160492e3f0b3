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
    app.confirm(
        &format!("Scheduled runs of {database} are stopped; what they wrote is removed."),
        "Stop them?",
    )?;
    let answer = ask(session.home(), &Question::Cancel { database })?;
    let cancelled = answer.get("cancelled").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if cancelled == 0 {
        let message = format!("no scheduled run of \"{}\" is under way or waits", args.database);
        return Err(Error::new(ErrorKind::NotFound, message).hint("`cadangkan schedule list` shows what is"));
    }
    app.print(&answer, || {
        format!("{} Stopped {} of {}\n", app.style.good_mark(), count(cancelled, "run"), args.database)
    })
}
