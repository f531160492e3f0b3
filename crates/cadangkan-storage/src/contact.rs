use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind};

use crate::Backoff;

/// Whether a server has answered yet. Until it has, its address may be wrong or the machine off: whoever waits is told
/// soon that there is no connection to it.
#[derive(Debug, Default)]
pub struct Contact(AtomicBool);

impl Contact {
    /// Notes that it has answered, whatever it said.
    pub fn made(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Counts another failure in a row; returns the wait before the next attempt, at least as long as the server `asked`
    /// for, and `None` when it is to be given up. Where there was not even a connection it is `unconnected`.
    pub fn pause(
        &self,
        failures: &mut u32,
        error: &Error,
        unconnected: bool,
        backoff: Backoff,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        if !error.is_retryable() {
            return None;
        }
        // A wait has been long already.
        *failures += if error.kind() == ErrorKind::Timeout { 3 } else { 1 };
        let first = !self.0.load(Ordering::Relaxed) && unconnected;
        let attempts = backoff.attempts.min(if first { Backoff::BRIEF.attempts } else { u32::MAX });
        Backoff { attempts, ..backoff }.pause(*failures, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(contact: &Contact, kind: ErrorKind, unconnected: bool) -> u32 {
        let (mut failures, error) = (0, Error::new(kind, "x").retryable());
        let mut given_up =
            || contact.pause(&mut failures, &error, unconnected, Backoff::PATIENT, None).is_none();
        (1..).find(|_| given_up()).unwrap()
    }

    #[test]
    fn only_a_server_that_never_answered_is_given_up_soon() {
        let contact = Contact::default();
        assert_eq!(attempts(&contact, ErrorKind::Unreachable, true), 3);
        assert_eq!(attempts(&contact, ErrorKind::Timeout, true), 1);
        assert_eq!(attempts(&contact, ErrorKind::Unreachable, false), 10);
        assert_eq!(attempts(&contact, ErrorKind::Timeout, false), 4);
        contact.made();
        assert_eq!(attempts(&contact, ErrorKind::Unreachable, true), 10);
        assert_eq!(attempts(&contact, ErrorKind::Timeout, true), 4);
        let lasting = Error::new(ErrorKind::Denied, "x");
        assert_eq!(contact.pause(&mut 0, &lasting, true, Backoff::PATIENT, None), None);
    }
}
