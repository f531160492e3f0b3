//! A terminal with a person at it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::Home;

/// The longest wait for something that must appear.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A program that runs on a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    terminal: OwnedFd,
    child: Child,
    screen: String,
    seen: usize,
}

impl Terminal {
    /// Starts the program on a terminal of 100 columns that is its controlling one, so that Ctrl-C is a signal.
    pub(crate) fn start(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let terminal = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_cadangkan")]);
        let mut command = home.wrapped(command, arguments);
        command.env("TERM", "xterm").envs(variables.iter().copied());
        let side = || terminal.try_clone().unwrap();
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        Terminal { keyboard: keyboard.into(), terminal, child, screen: String::new(), seen: 0 }
    }

    /// Waits until a text appears that was not there at the last call.
    pub(crate) fn expect(&mut self, text: &str) {
        loop {
            if let Some(place) = self.screen.split_at(self.seen).1.find(text) {
                self.seen += place + text.len();
                return;
            }
            assert!(self.read(&PATIENCE), "{text} did not appear: {}", self.screen);
        }
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for a question and answers it.
    pub(crate) fn answer(&mut self, question: &str, answer: &str) {
        self.expect(question);
        self.press(&format!("{answer}\n"));
    }

    /// Waits until the program ends; returns its exit code and all that was on the screen.
    pub(crate) fn end(mut self) -> (i32, String) {
        // Nobody else reads what it writes, so it is read until it ends.
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code().unwrap(),
                None => drop(self.read(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 })),
            }
        };
        while self.read(&Timespec { tv_sec: 0, tv_nsec: 0 }) {}
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ECHO | LocalModes::ISIG | LocalModes::ICANON),
            "the terminal is sane"
        );
        (code, self.screen)
    }

    fn read(&mut self, wait: &Timespec) -> bool {
        let mut ready = [PollFd::from_borrowed_fd(self.keyboard.as_fd(), PollFlags::IN)];
        if poll(&mut ready, Some(wait)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        let count = self.keyboard.read(&mut bytes).unwrap();
        self.screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }
}

/// What stands on a terminal of 100 columns after all that was written to it: cursor and lines, no colours.
pub(crate) fn as_shown(written: &str) -> String {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = written.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let sequence: String =
                    std::iter::from_fn(|| rest.next_if(|next| !next.is_ascii_alphabetic())).collect();
                let number = || sequence.trim_start_matches('[').parse().unwrap_or(1);
                match rest.next() {
                    Some('A') => row = row.saturating_sub(number()),
                    Some('B') => row += number(),
                    Some('K') => lines[row].clear(),
                    _ => {}
                }
            }
            shown => {
                // The last column is left when the next character comes, not before.
                if column == 100 {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = shown;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
}
