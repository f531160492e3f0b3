use std::path::Path;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::lock::DatabaseLock;

use crate::app::{App, Session};

/// What the lock is called; beside the catalog and not among those of databases, one of which may have this name.
const NAME: &str = "daemon";

/// Takes the place of the one scheduler that a home folder has. Let go of by the system when the process ends.
pub(super) fn take(app: &App, home: &Path) -> Result<DatabaseLock> {
    let holder = format!("pid {} on {}", app.process.pid, app.process.host);
    let taken = DatabaseLock::take(home, &Name::new(NAME)?, &holder, Duration::ZERO, &app.control());
    taken.map_err(|error| match error.kind() {
        ErrorKind::Locked => Error::new(ErrorKind::Locked, "a scheduler runs already")
            .context("home", home.display())
            .hint("there is one for each home folder; `cadangkan schedule list` shows what it does"),
        _ => error,
    })
}

/// Tells whether a scheduler runs for this home folder.
pub(crate) fn is_running(session: &Session) -> Result<bool> {
    // Looking must not make the file: the folder may be another user's.
    if !session.home().join(format!("{NAME}.lock")).exists() {
        return Ok(false);
    }
    DatabaseLock::is_held(session.home(), &Name::new(NAME)?)
}
