use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// Asks running work to stop; cloned into every worker.
///
/// Work looks at it at least once per frame, so that a run ends within the time that one frame takes.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    parent: Option<Arc<Cancel>>,
}

impl Cancel {
    /// Makes a token that is cancelled with this one, and can be cancelled alone: for workers that stop together
    /// when one of them fails.
    #[must_use]
    pub fn child(&self) -> Cancel {
        Cancel { flag: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }

    /// Asks all holders of this token and of its children to stop. May be called from a signal handler, and more
    /// than once.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Tells whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::SeqCst) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// Fails with [`ErrorKind::Cancelled`] once somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, "stopped on request")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stop_with_their_parent_and_not_the_other_way() {
        let parent = Cancel::default();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.is_cancelled() && first.clone().check().is_err());
        assert!(!parent.is_cancelled() && !second.is_cancelled());
        parent.flag().store(true, Ordering::SeqCst);
        assert!(second.is_cancelled());
    }
}
