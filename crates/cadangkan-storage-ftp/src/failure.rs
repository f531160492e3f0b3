//! Why a command was not done, and what to tell a person about it.

use std::io;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::http::TlsTrouble;

use crate::reply::Reply;

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said so.
    Refused(Reply),
    /// The connection is of no use any more.
    Broken(Error),
}

impl Failure {
    /// Whether it is of a path: it is missing, or there already, or may not be touched. FTP does not say which. What is
    /// only busy (450) is there.
    pub(crate) fn is_of_path(&self) -> bool {
        matches!(self, Failure::Refused(reply) if matches!(reply.code, 521 | 550 | 553))
    }

    /// Whether the server does not know a command, or does not do it.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Failure::Refused(reply) if matches!(reply.code, 500..=504 | 522))
    }

    /// Makes an error of it.
    pub(crate) fn explain(self, what: &str, path: &str) -> Error {
        let reply = match self {
            Failure::Refused(reply) => reply,
            // It says all by itself.
            Failure::Broken(error) if !error.is_retryable() => return error,
            Failure::Broken(error) => {
                let told = Error::new(error.kind(), what).context("path", path).retryable();
                let told = match error.advice() {
                    Some(hint) => told.hint(hint),
                    None => told,
                };
                return told.source(error);
            }
        };
        let kind = match reply.code {
            452 | 552 => ErrorKind::NoSpace,
            _ if is_about_room(&reply.text) => ErrorKind::NoSpace,
            425 | 426 => ErrorKind::Unreachable,
            430 | 530 | 532 | 550 | 553 => ErrorKind::Denied,
            500..=504 | 522 | 534 | 536 => ErrorKind::Unsupported,
            _ => ErrorKind::Io,
        };
        let passing = reply.code < 500 && kind != ErrorKind::NoSpace;
        let error = Error::new(kind, what).context("path", path).source(format!("the server says: {reply}"));
        let error = if passing { error.retryable() } else { error };
        match kind {
            ErrorKind::Denied => {
                error.hint(format!("let the user that logs in read and write {path}, or choose another path"))
            }
            ErrorKind::NoSpace => error.hint(
                "free space on the server's disk, or in the user's quota: delete old backups with \
                 `cadangkan backups delete`, or use a storage on a larger disk",
            ),
            ErrorKind::Unsupported => error.hint("the server cannot do this; use another one, or SFTP"),
            _ => error.hint("look at the server's log"),
        }
    }
}

/// Codes alone do not tell: servers pass on the system's words, and close with any of 426, 451 and 550.
fn is_about_room(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["no space left", "disk full", "quota exceeded"].iter().any(|words| text.contains(words))
}

/// The connection has failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if let Some(trouble) = TlsTrouble::of_io(&error) {
            return Failure::Broken(trouble.error("`host`, `port` and `tls`").source(error));
        }
        let (kind, message, hint) = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => (
                ErrorKind::Timeout,
                "the server does not answer in time",
                "check the network, and that a firewall lets passive connections through; `timeout` says how long is \
                 waited",
            ),
            _ => (
                ErrorKind::Unreachable,
                "the connection to the server was lost or not made",
                "check the network, a firewall in between, `host`, `port` and `tls`",
            ),
        };
        Failure::Broken(Error::new(kind, message).hint(hint).source(error).retryable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_is_not_missing() {
        let of_path = |code| Failure::Refused(Reply { code, text: String::new() }).is_of_path();
        assert!(of_path(550) && !of_path(450) && !of_path(451));
    }

    #[test]
    fn replies_become_errors_that_say_whether_to_try_again() {
        for (code, text, kind, passing) in [
            (550, "Not enough privileges.", ErrorKind::Denied, false),
            (552, "Too much.", ErrorKind::NoSpace, false),
            (426, "No space left on device; transfer aborted.", ErrorKind::NoSpace, false),
            (426, "Connection closed.", ErrorKind::Unreachable, true),
            (451, "Local error.", ErrorKind::Io, true),
            (502, "Not implemented.", ErrorKind::Unsupported, false),
        ] {
            let reply = Reply { code, text: text.to_owned() };
            let error = Failure::Refused(reply).explain("cannot", "/x");
            assert_eq!((error.kind(), error.is_retryable()), (kind, passing), "{code}");
            assert!(error.advice().is_some() && error.chain().concat().contains(text), "{error:?}");
        }
    }
}
