//! Sessions that are open, so that not every call logs in, and calls that are tried again.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use cadangkan_core::Result;
use cadangkan_storage::{Backoff, Contact, tls};
use rustls::ClientConfig;

use crate::failure::Failure;
use crate::session::Session;
use crate::settings::{Settings, Tls};

/// So many stay open while nobody uses them.
const MAX_IDLE: usize = 8;

/// Gives out sessions, each to one user at a time.
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    pub(crate) backoff: Backoff,
    contact: Contact,
    /// One for all, so that a connection for data goes on with the TLS session of its commands: many servers want that.
    tls: OnceLock<Arc<ClientConfig>>,
    idle: Mutex<Vec<Session>>,
}

impl Pool {
    pub(crate) fn new(settings: Settings, backoff: Backoff) -> Self {
        Pool {
            settings: Arc::new(settings),
            backoff,
            contact: Contact::default(),
            tls: OnceLock::new(),
            idle: Mutex::default(),
        }
    }

    /// Returns a session: one that is open, or a new one.
    pub(crate) fn take(&self) -> Result<Session, Failure> {
        loop {
            let session = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match session {
                Some(session) if session.is_usable() => return Ok(session),
                Some(_) => {}
                None => return Session::begin(&self.settings, self.tls()?),
            }
        }
    }

    /// Takes a session back.
    pub(crate) fn give(&self, session: Session) {
        if session.is_usable() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE {
                idle.push(session);
            }
        }
    }

    /// Does something with a session, and again with another one while the failure may pass.
    pub(crate) fn with<T>(
        &self,
        what: &str,
        place: &str,
        work: impl FnMut(&mut Session) -> Result<T, Failure>,
    ) -> Result<T> {
        let (session, done) = self.begin(what, place, work)?;
        self.give(session);
        Ok(done)
    }

    /// The same, and keeps the session, which goes on with what was begun.
    pub(crate) fn begin<T>(
        &self,
        what: &str,
        place: &str,
        mut work: impl FnMut(&mut Session) -> Result<T, Failure>,
    ) -> Result<(Session, T)> {
        let mut failures = 0;
        loop {
            let taken = self.take();
            let unconnected = taken.is_err();
            let tried = taken.and_then(|mut session| {
                self.contact.made();
                match work(&mut session) {
                    Ok(done) => Ok((session, done)),
                    Err(failure) => {
                        self.give(session);
                        Err(failure)
                    }
                }
            });
            let error = match tried {
                Ok(done) => return Ok(done),
                Err(failure) => failure.explain(what, place),
            };
            match self.contact.pause(&mut failures, &error, unconnected, self.backoff, None) {
                Some(pause) => thread::sleep(pause),
                None => return Err(error),
            }
        }
    }

    fn tls(&self) -> Result<Option<&Arc<ClientConfig>>, Failure> {
        if self.settings.tls == Tls::None {
            return Ok(None);
        }
        if let Some(config) = self.tls.get() {
            return Ok(Some(config));
        }
        let config = tls::client_config(self.settings.authorities.as_deref()).map_err(Failure::Broken)?;
        Ok(Some(self.tls.get_or_init(|| Arc::new(config))))
    }
}
