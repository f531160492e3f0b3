use std::io;
use std::os::fd::BorrowedFd;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::INTERRUPT;

/// The modes of a terminal during one question; put back when this is dropped.
///
/// The terminal keeps its own line editing. Ctrl-C must end the question, but as a signal it would only set the
/// program's flag and leave the read waiting; so it is made a second end of line (VEOL, POSIX.1-2024 11.1.9) that the
/// reader sees as a byte.
pub(super) struct Mode<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Mode<'a> {
    pub(super) fn begin(terminal: BorrowedFd<'a>, echo: bool) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut during = before.clone();
        during.local_modes.remove(LocalModes::ISIG);
        during.local_modes.insert(LocalModes::ICANON);
        during.local_modes.set(LocalModes::ECHO, echo);
        during.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(terminal, OptionalActions::Now, &during)?;
        Ok(Mode { terminal, before })
    }
}

impl Drop for Mode<'_> {
    fn drop(&mut self) {
        // Nothing can be done for a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
