use std::thread::sleep;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Level, Result};

/// How long the sessions of a process that was killed take to go, unless they have work.
const MOMENT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What looks like a leftover.
#[derive(Debug)]
pub struct Left<T> {
    /// What nobody uses.
    pub found: Vec<T>,
    /// The names of what is in use.
    pub in_use: Vec<String>,
}

/// Lists leftovers. `look` returns them and the names of those that a session still uses: of a restore under way, or
/// of one that was killed and whose session has not ended yet. So it is asked again for a moment, and what is in use
/// even then is no leftover, but said.
pub fn leftovers_not_in_use<T>(
    control: &Control<'_>,
    mut look: impl FnMut() -> Result<Left<T>>,
) -> Result<Vec<T>> {
    let begin = Instant::now();
    loop {
        let Left { found, in_use } = look()?;
        if in_use.is_empty() || begin.elapsed() >= MOMENT {
            for name in in_use {
                let text = format!(
                    "{name} is filled by a restore, or was: a session of the server still uses it; \
                     if no restore is under way, look again when that session has ended"
                );
                control.message(Level::Warning, &text);
            }
            return Ok(found);
        }
        control.check()?;
        sleep(PAUSE);
    }
}
