use std::fmt;

/// The result of everything that may fail across a crate border.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, told so that a program can branch and a person can act.
///
/// The message says what happened; [`context`](Error::context) where; the source why; the [`hint`](Error::hint)
/// what to do next. None of them ever holds a secret.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    context: Vec<(&'static str, String)>,
    retryable: bool,
    at_login: bool,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $kind:ident = $exit:literal, $code:literal;)*) => {
        /// The kinds of failure, with the exit code and the name that scripts and the API see.
        ///
        /// This is the one table of codes. A number or name is never changed or used again for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// All kinds, in the order of their exit codes.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$kind,)*];

            /// The exit code of the program, 1 to 125 or 130.
            pub fn exit_code(self) -> u8 {
                match self { $(ErrorKind::$kind => $exit,)* }
            }

            /// The stable name, as in JSON output.
            pub fn code(self) -> &'static str {
                match self { $(ErrorKind::$kind => $code,)* }
            }
        }
    };
}

error_kinds! {
    /// A defect of this program.
    Internal = 1, "internal";
    /// The command line or a request makes no sense.
    Usage = 2, "usage";
    /// The configuration is wrong.
    Configuration = 3, "configuration";
    /// A named thing does not exist.
    NotFound = 4, "not_found";
    /// A thing exists already, or changed meanwhile.
    Conflict = 5, "conflict";
    /// Another run holds the database.
    Locked = 6, "locked";
    /// A server, file or storage cannot be reached.
    Unreachable = 7, "unreachable";
    /// Reached, but not allowed.
    Denied = 8, "denied";
    /// No space is left on a device, or a quota is full.
    NoSpace = 9, "no_space";
    /// A backup's bytes are not what they were: flipped, cut or forged.
    DamagedBackup = 10, "damaged_backup";
    /// The database to back up is corrupt, or is not a database.
    DamagedSource = 11, "damaged_source";
    /// Not possible with this engine, storage or version.
    Unsupported = 12, "unsupported";
    /// A wait was longer than its limit.
    Timeout = 13, "timeout";
    /// Reading or writing failed for another reason.
    Io = 14, "io";
    /// Something was done, but not all of it.
    Partial = 15, "partial";
    /// A restored database is not equal to its backup.
    NotEqual = 16, "not_equal";
    /// A backup is encrypted, and no passphrase or key that was given opens it.
    WrongKey = 17, "wrong_key";
    /// A command or an address that is asked before a run did not do its part.
    Hook = 18, "hook";
    /// A person or a signal stopped the run.
    Cancelled = 130, "cancelled";
}

impl Error {
    /// Makes an error of a kind, with one sentence that says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            context: Vec::new(),
            retryable: false,
            at_login: false,
            hint: None,
            source: None,
        }))
    }

    /// Makes an error from an I/O error, with the kind that fits it. One of ours that a reader had to wrap comes out as
    /// it was.
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let source = match source.downcast::<Error>() {
            Ok(ours) => return ours,
            Err(source) => source,
        };
        let kind = match source.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Denied,
            Io::AlreadyExists => ErrorKind::Conflict,
            Io::StorageFull | Io::QuotaExceeded => ErrorKind::NoSpace,
            Io::TimedOut => ErrorKind::Timeout,
            Io::ConnectionRefused | Io::ConnectionReset | Io::NotConnected | Io::BrokenPipe => {
                ErrorKind::Unreachable
            }
            _ => ErrorKind::Io,
        };
        Error::new(kind, message).source(source)
    }

    /// Names the operation that failed, as a verb: `open database`. The first one set stays.
    #[must_use]
    pub fn operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Adds one fact about where it happened, such as `("path", …)`, unless it is known already.
    #[must_use]
    pub fn context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let fact = (key, value.to_string());
        if !self.0.context.contains(&fact) {
            self.0.context.push(fact);
        }
        self
    }

    /// Says what the person can do next. The first one set stays: it is nearest to the cause.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Keeps the underlying error.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks a failure that may pass when the same thing is tried again.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Marks a failure of the login: who asks was not let in. Whatever else is asked will be refused as well, and a
    /// server may block an address that goes on.
    #[must_use]
    pub fn at_login(mut self) -> Self {
        self.0.at_login = true;
        self
    }

    /// Returns the same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The one sentence, without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed.
    pub fn failed_operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The facts about where it happened.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// What the person can do next.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether who asked was not let in.
    pub fn is_at_login(&self) -> bool {
        self.0.at_login
    }

    /// The nearest of its sources that is of this type.
    pub fn cause<T: std::error::Error + 'static>(&self) -> Option<&T> {
        let first = std::error::Error::source(self);
        std::iter::successors(first, |source| source.source()).find_map(|source| source.downcast_ref())
    }

    /// The messages of this error and of all its sources, outermost first.
    pub fn chain(&self) -> Vec<String> {
        let mut messages = vec![self.to_string()];
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let text = error.to_string();
            if messages.last() != Some(&text) {
                messages.push(text);
            }
            next = error.source();
        }
        messages
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (position, (key, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{key}: {value}", if position == 0 { " (" } else { ", " })?;
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.code(), self.chain().join(": "))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Adds to the error of a result, without touching a success.
pub trait ResultExt<T> {
    /// See [`Error::operation`].
    fn operation(self, operation: &'static str) -> Result<T>;
    /// See [`Error::context`].
    fn context(self, key: &'static str, value: impl fmt::Display) -> Result<T>;
    /// See [`Error::hint`].
    fn hint(self, hint: impl Into<String>) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn operation(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| error.operation(operation))
    }

    fn context(self, key: &'static str, value: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.context(key, value))
    }

    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.hint(hint))
    }
}

/// Collects what siblings gave; of their errors, returns the one that made the others happen: whoever was only
/// stopped by them says so with [`ErrorKind::Cancelled`].
pub fn first_cause<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    let (mut values, mut cause) = (Vec::new(), None::<Error>);
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => match &cause {
                Some(known)
                    if known.kind() != ErrorKind::Cancelled || error.kind() == ErrorKind::Cancelled => {}
                _ => cause = Some(error),
            },
        }
    }
    cause.map_or(Ok(values), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_comes_before_what_it_stopped() {
        let error = |kind| Err(Error::new(kind, "x"));
        let found = |results| first_cause::<u8>(results).map_err(|error| error.kind());
        assert_eq!(
            found(vec![error(ErrorKind::Cancelled), Ok(1), error(ErrorKind::Conflict), error(ErrorKind::Io)]),
            Err(ErrorKind::Conflict)
        );
        assert_eq!(found(vec![Ok(1), error(ErrorKind::Cancelled)]), Err(ErrorKind::Cancelled));
        assert_eq!(found(vec![Ok(1), Ok(2)]), Ok(vec![1, 2]));
        let stopped = |message: &str| Err(Error::new(ErrorKind::Cancelled, message));
        let first = first_cause::<u8>(vec![stopped("on request"), stopped("by another")]).unwrap_err();
        assert_eq!(first.message(), "on request");
    }

    #[test]
    fn a_cause_is_found_by_its_type() {
        let io = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let outer = Error::new(ErrorKind::Io, "outer").source(Error::new(ErrorKind::Io, "inner").source(io));
        assert_eq!(
            outer.cause::<std::io::Error>().map(std::io::Error::kind),
            Some(std::io::ErrorKind::StorageFull)
        );
        assert_eq!(outer.cause::<Error>().map(Error::message), Some("inner"));
        assert!(outer.cause::<fmt::Error>().is_none());
    }

    #[test]
    fn codes_are_unique_and_stable() {
        let mut exits: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        exits.dedup();
        assert_eq!(exits.len(), ErrorKind::ALL.len());
        assert_eq!(ErrorKind::DamagedBackup.exit_code(), 10);
        assert_eq!(ErrorKind::Cancelled.exit_code(), 130);
    }

    #[test]
    fn says_what_where_and_why_once() {
        let io = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error =
            Error::io("cannot write the archive", io).context("path", "/backups/a").hint("free space");
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert_eq!(error.to_string(), "cannot write the archive (path: /backups/a)");
        assert_eq!(error.chain(), ["cannot write the archive (path: /backups/a)", "no storage space"]);
        assert_eq!(error.advice(), Some("free space"));
    }
}
