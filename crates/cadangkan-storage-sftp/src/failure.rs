//! Why a request was not done, and what to tell a person about it.

use cadangkan_core::{Error, ErrorKind};

/// Codes of a status that are told apart (draft-ietf-secsh-filexfer-02, section 7).
pub(crate) const OK: u32 = 0;
pub(crate) const EOF: u32 = 1;
pub(crate) const NO_SUCH_FILE: u32 = 2;
pub(crate) const PERMISSION_DENIED: u32 = 3;
pub(crate) const FAILURE: u32 = 4;
pub(crate) const OP_UNSUPPORTED: u32 = 8;

/// Why a request was not done.
pub(crate) enum Failure {
    /// The server said so.
    Status { code: u32, message: String },
    /// The connection is of no use any more.
    Broken(Error),
}

impl Failure {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Failure::Status { code: NO_SUCH_FILE, .. })
    }

    /// Tells whether the server said that it failed, and not why.
    pub(crate) fn says_nothing(&self) -> bool {
        matches!(self, Failure::Status { code: FAILURE, .. })
    }

    pub(crate) fn is_unsupported(&self) -> bool {
        matches!(self, Failure::Status { code: OP_UNSUPPORTED, .. })
    }

    /// Makes an error of it.
    pub(crate) fn explain(self, what: &str, path: &str) -> Error {
        let (code, message) = match self {
            Failure::Broken(error) => {
                let told = Error::new(error.kind(), what).context("path", path);
                let told = if error.is_retryable() { told.retryable() } else { told };
                let told = match error.advice() {
                    Some(hint) => told.hint(hint),
                    None => told,
                };
                return told.source(error);
            }
            Failure::Status { code, message } => (code, message),
        };
        let kind = match code {
            NO_SUCH_FILE => ErrorKind::NotFound,
            PERMISSION_DENIED => ErrorKind::Denied,
            OP_UNSUPPORTED => ErrorKind::Unsupported,
            _ => ErrorKind::Io,
        };
        let message = if message.is_empty() { format!("status {code}") } else { message };
        let error =
            Error::new(kind, what).context("path", path).source(format!("the server says: {message}"));
        match kind {
            ErrorKind::Denied => {
                error.hint(format!("let the user that logs in read and write {path}, or choose another path"))
            }
            ErrorKind::Unsupported => {
                error.hint("the server cannot do this; use another one, such as OpenSSH's")
            }
            _ => error,
        }
    }
}
