//! Connections that are open, so that not every call makes one.

use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_core::Result;

use crate::session::Session;
use crate::settings::Settings;

/// So many stay open while nobody uses them.
const MAX_IDLE: usize = 8;

/// Gives out sessions, each to one user at a time.
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    idle: Mutex<Vec<Session>>,
}

impl Pool {
    pub(crate) fn new(settings: Settings) -> Self {
        Pool { settings: Arc::new(settings), idle: Mutex::default() }
    }

    /// Returns a session: one that is open, or a new one.
    pub(crate) fn take(&self) -> Result<Session> {
        loop {
            let session = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match session {
                Some(session) if session.is_usable() => return Ok(session),
                Some(_) => {}
                None => return Session::connect(&self.settings),
            }
        }
    }

    /// Takes a session back.
    pub(crate) fn give(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_usable() && idle.len() < MAX_IDLE {
            idle.push(session);
        }
    }

    /// Does something with a session.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let mut session = self.take()?;
        let done = work(&mut session);
        self.give(session);
        done
    }
}
