use cadangkan_core::Result;

use crate::app::{App, CatalogNeed};
use crate::daemon;

pub(crate) use crate::daemon::is_running;

/// Arguments of `daemon`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It stays in the foreground and says what it does on stderr, and in logs/ of the home folder. A change of the configuration is taken up by itself, and with SIGHUP; SIGTERM and Ctrl-C end it, and the next one goes on with what was cut short.\n\nExamples:\n  cadangkan daemon\n  cadangkan daemon --output json          # each line an object"
)]
pub(crate) struct DaemonArgs {}

/// Runs what is scheduled until a signal ends it.
pub(crate) fn run(app: &App, _args: &DaemonArgs) -> Result<()> {
    let home = app.session(CatalogNeed::Required)?.home().to_owned();
    daemon::run(app, &home)
}
