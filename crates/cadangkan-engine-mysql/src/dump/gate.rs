use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Result};

/// How often who waits looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(100);

/// What has to come before others: they wait until it has come, or failed, which stops them too.
pub(super) struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

/// Opens a gate when it is dropped.
pub(super) struct Opener<'a>(&'a Gate);

impl Gate {
    pub(super) fn new(open: bool) -> Self {
        Gate { open: Mutex::new(open), changed: Condvar::new() }
    }

    /// Opens the gate when the value is dropped.
    pub(super) fn opener(&self) -> Opener<'_> {
        Opener(self)
    }

    /// Waits until it is open.
    pub(super) fn wait(&self, control: &Control<'_>) -> Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            control.check()?;
            let woken = self.changed.wait_timeout(open, LOOK);
            open = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}
