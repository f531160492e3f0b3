//! Why connections failed, as far as `ssh` knows.

use std::io;
use std::process::ExitStatus;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What `ssh` said longer ago is not why a connection fails now.
const RECENT: Duration = Duration::from_secs(60);

/// The last lines hold the reason; before them may stand a banner of the host.
const LINES: usize = 4;

/// What went wrong with one connection, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

/// The last complaint, and a bell that rings when it comes.
#[derive(Default)]
pub(crate) struct Complaints {
    last: Mutex<Option<(Instant, Complaint)>>,
    news: Condvar,
}

impl Complaints {
    /// Keeps a complaint in place of the one before.
    pub(crate) fn add(&self, complaint: Complaint) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), complaint));
        self.news.notify_all();
    }

    /// Returns the last complaint if it is recent; else waits that long for one.
    pub(crate) fn recent(&self, wait: Duration) -> Option<Complaint> {
        let stale = |last: &mut Option<(Instant, Complaint)>| {
            last.as_ref().is_none_or(|(when, _)| when.elapsed() > RECENT)
        };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut last, _) =
            self.news.wait_timeout_while(last, wait, stale).unwrap_or_else(PoisonError::into_inner);
        if stale(&mut last) { None } else { last.as_ref().map(|(_, complaint)| complaint.clone()) }
    }
}

impl Complaint {
    /// `ssh` ended with a failure, and said this before.
    pub(crate) fn ended(status: ExitStatus, said: &[u8]) -> Self {
        let said = String::from_utf8_lossy(said);
        let lines: Vec<String> = said.lines().map(plain).filter(|line| !line.is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        let message = if last.is_empty() { format!("ssh ended with {status}") } else { last.join("; ") };
        let hint = if message.contains("forwarding failed") || message.contains("open failed") {
            "the SSH host was reached, but not the server behind it: host and port are meant as the SSH host sees \
             them, and its sshd must allow forwarding"
        } else {
            "try the same host with `ssh` by hand: its key must be known, and yours accepted without a question"
        };
        Complaint { message, hint }
    }

    /// A program, or something else that a connection needs, could not be had.
    pub(crate) fn not_started(what: &str, error: &io::Error) -> Self {
        let message = format!("cannot start {what}: {error}");
        let hint = if error.kind() == io::ErrorKind::NotFound {
            "install OpenSSH's client (package openssh-client or openssh-clients), or put `ssh` on the PATH"
        } else {
            "see whether this machine's limits on processes and open files are met"
        };
        Complaint { message, hint }
    }

    /// No more connections are allowed.
    pub(crate) fn too_many(limit: usize) -> Self {
        let message = format!("{limit} connections are open through it, and no more are allowed");
        Complaint { message, hint: "use fewer jobs" }
    }
}

/// A line without control characters and the frames that `ssh` draws around warnings.
fn plain(line: &str) -> String {
    let shown: String = line.chars().filter(|character| !character.is_control()).collect();
    shown.trim_matches(|character: char| character == '@' || character.is_whitespace()).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn failed(said: &[u8]) -> Complaint {
        Complaint::ended(ExitStatus::from_raw(255 << 8), said)
    }

    #[test]
    fn the_last_lines_are_told_without_decoration() {
        let said = b"a banner\nof many\nlines\n\r\n@@@@@@\r\n@  CHANGED!  @\r\n\x1b[31mtwo\r\nthree\r\nfour \xff\r\n";
        assert_eq!(failed(said).message, "CHANGED!; [31mtwo; three; four \u{fffd}");
        assert_eq!(failed(b"").message, "ssh ended with exit status: 255");
    }

    #[test]
    fn the_hint_tells_the_two_hosts_apart() {
        let refused =
            b"channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n";
        assert!(failed(refused).hint.contains("behind it"));
        assert!(failed(b"Host key verification failed.\r\n").hint.contains("by hand"));
    }

    #[test]
    fn old_complaints_are_not_told() {
        let complaints = Complaints::default();
        assert_eq!(complaints.recent(Duration::ZERO), None);
        complaints.add(Complaint::too_many(1));
        assert_eq!(complaints.recent(Duration::ZERO), Some(Complaint::too_many(1)));
        let long_ago = Instant::now().checked_sub(2 * RECENT).expect("a machine that runs for minutes");
        *complaints.last.lock().unwrap() = Some((long_ago, Complaint::too_many(1)));
        assert_eq!(complaints.recent(Duration::ZERO), None);
    }

    #[test]
    fn a_complaint_is_waited_for() {
        let complaints = Complaints::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| complaints.recent(Duration::from_secs(60)));
            complaints.add(Complaint::too_many(2));
            assert_eq!(waiting.join().unwrap(), Some(Complaint::too_many(2)));
        });
    }
}
