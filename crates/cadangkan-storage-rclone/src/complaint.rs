//! Why `rclone` ended, by its exit code and what it said.

use cadangkan_core::{Error, ErrorKind};

/// Exit codes (rclone's documentation, "List of exit codes").
const FOLDER_NOT_FOUND: i32 = 3;
const FILE_NOT_FOUND: i32 = 4;

/// How `rclone` ended when it did not succeed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Ended {
    /// Whether what was asked for is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.code, Some(FOLDER_NOT_FOUND | FILE_NOT_FOUND))
            || self.said.contains("is a directory or doesn't exist")
    }

    /// Makes an error of it.
    pub(crate) fn explain(&self, what: &str, place: &str) -> Error {
        let said = self.said.to_lowercase();
        let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
        let kind =
            if has(&["no space left", "storagequotaexceeded", "insufficient storage", "quota exceeded"]) {
                ErrorKind::NoSpace
            } else if has(&[
                "permission denied",
                "accessdenied",
                "unauthorized",
                "forbidden",
                "login incorrect",
                "unable to authenticate",
            ]) {
                ErrorKind::Denied
            } else if has(&["didn't find section in config file", "didn't find backend"]) {
                ErrorKind::Configuration
            } else if has(&["i/o timeout", "deadline exceeded"]) {
                ErrorKind::Timeout
            } else if has(&["dial tcp", "no such host", "connection reset", "connection refused", "eof"]) {
                ErrorKind::Unreachable
            } else if self.is_missing() {
                ErrorKind::NotFound
            } else {
                ErrorKind::Io
            };
        let reason =
            self.said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        let error =
            Error::new(kind, what).context("place", place).source(format!("rclone says: {}", plain(reason)));
        let refused = has(&["unauthorized", "login incorrect", "unable to authenticate"]);
        let error = if refused { error.at_login() } else { error };
        match kind {
            ErrorKind::Denied => error.hint("see with `rclone config` whether the credentials of the remote still count"),
            ErrorKind::Configuration => error.hint("`rclone listremotes` shows the remotes there are; `rclone config` adds one"),
            ErrorKind::NoSpace => error.hint(
                "free space on the remote: delete old backups with `cadangkan backups delete`, or use a larger one",
            ),
            ErrorKind::Timeout | ErrorKind::Unreachable => {
                error.retryable().hint("see whether the remote is reached: `rclone lsd` lists its folders")
            }
            _ => error,
        }
    }
}

/// A line without control characters and without the date before it.
fn plain(line: &str) -> String {
    let shown: String = line.chars().filter(|character| !character.is_control()).take(500).collect();
    let dated = |line: &str| {
        let (date, rest) = line.split_once(' ')?;
        let (_, rest) = rest.split_once(' ')?;
        date.split('/').all(|part| part.parse::<u32>().is_ok()).then(|| rest.trim_start().to_owned())
    };
    dated(&shown).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_tells_the_kind() {
        let kind = |code, said: &str| {
            let ended = Ended { code: Some(code), said: said.to_owned() };
            let error = ended.explain("cannot", "box:a");
            (error.kind(), error.chain().last().cloned().unwrap_or_default())
        };
        assert_eq!(
            kind(
                1,
                "2026/11/26 18:36:23 Failed to rcat: dial tcp 127.0.0.1:1: connect: connection refused\n"
            ),
            (
                ErrorKind::Unreachable,
                "rclone says: Failed to rcat: dial tcp 127.0.0.1:1: connect: connection refused".to_owned()
            )
        );
        assert_eq!(kind(3, "directory not found").0, ErrorKind::NotFound);
        assert_eq!(kind(1, "write x: no space left on device").0, ErrorKind::NoSpace);
        assert_eq!(kind(1, "didn't find section in config file").0, ErrorKind::Configuration);
        assert_eq!(kind(1, ""), (ErrorKind::Io, "rclone says: it said nothing".to_owned()));
    }
}
