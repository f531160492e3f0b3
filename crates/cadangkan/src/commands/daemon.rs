use cadangkan_core::Result;
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::daemon;
use crate::schedules;
use crate::ui::count::count;

pub(crate) use crate::daemon::is_running;

/// Arguments of `daemon`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It stays in the foreground and says what it does on stderr, and in logs/ of the home folder. A change of the configuration is taken up by itself, and with SIGHUP; SIGTERM and Ctrl-C end it, and the next one goes on with what was cut short.\n\nExamples:\n  cadangkan daemon\n  cadangkan daemon --output json          # each line an object"
)]
pub(crate) struct DaemonArgs {}

/// Runs what is scheduled until a signal ends it.
pub(crate) fn run(app: &App, _args: &DaemonArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    if app.global.dry_run {
        let mut active = schedules::all(&session)?;
        active.retain(schedules::ScheduleEntry::is_active);
        let value = json!({ "schedules": active.len(), "running": is_running(&session)?, "dry_run": true });
        return app.print(&value, || {
            let schedules = count(active.len() as u64, "schedule");
            format!("The configuration is right; {schedules} would be carried out.\nThis was a dry run: nothing was started.\n")
        });
    }
    let home = session.home().to_owned();
    drop(session);
    daemon::run(app, &home)
}
