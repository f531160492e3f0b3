//! Questions on a terminal.

mod several;
mod terminal;

use std::io::{BufRead, Write};
use std::os::fd::BorrowedFd;

use cadangkan_core::{Error, ErrorKind, Result};

use super::{Style, escape};
use terminal::Mode;

/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;
/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;
/// How often a question is asked again before it is given up.
const TRIES: usize = 5;

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers<'a> {
    /// Nobody: every question is refused.
    Nobody,
    /// The person at this terminal, whose modes are set for each question and put back after it.
    Terminal(BorrowedFd<'a>),
    /// Whoever writes to the input, in tests.
    #[cfg(test)]
    Input,
}

/// Asks questions, one at a time.
///
/// Ctrl-C ends a question with `Cancelled`, and leaves the terminal as it was.
pub(crate) struct Prompter<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
    answers: Answers<'a>,
    style: Style,
}

impl<'a> Prompter<'a> {
    /// Makes a prompter that reads from `input` and asks on `output`.
    pub(crate) fn new(
        input: &'a mut dyn BufRead,
        output: &'a mut dyn Write,
        answers: Answers<'a>,
        style: Style,
    ) -> Self {
        Prompter { input, output, answers, style }
    }

    /// Whether somebody can answer.
    pub(crate) fn is_interactive(&self) -> bool {
        !matches!(self.answers, Answers::Nobody)
    }

    /// Asks for a yes; everything else, also the end of the input, is a no.
    pub(crate) fn confirm(&mut self, question: &str) -> Result<bool> {
        self.require("pass --yes to answer yes")?;
        for _ in 0..TRIES {
            let Some(answer) = self.question(&format!("{} [y/N] ", escape(question)), true)? else {
                return Ok(false);
            };
            match answer.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "" | "n" | "no" => return Ok(false),
                _ => self.say("please answer y or n")?,
            }
        }
        Ok(false)
    }

    /// Asks for a name to be typed, for what cannot be undone.
    pub(crate) fn confirm_name(&mut self, question: &str, name: &str) -> Result<bool> {
        self.require("pass --yes to go on without typing the name")?;
        let name_shown = self.style.bold(&escape(name));
        let asked = format!("{}\nType {name_shown} to go on: ", escape(question));
        Ok(self.question(&asked, true)?.is_some_and(|answer| answer.trim() == name))
    }

    /// Asks to pick one of several; returns its position from 0.
    pub(crate) fn choose(&mut self, question: &str, options: &[String]) -> Result<usize> {
        self.require("name it on the command line")?;
        for (index, option) in options.iter().enumerate() {
            self.say(&format!("{:>4}) {}", index + 1, escape(option)))?;
        }
        for _ in 0..TRIES {
            let asked = format!("{} [1-{}]: ", escape(question), options.len());
            let answer = self.question(&asked, true)?.ok_or_else(cancelled)?;
            match answer.trim().parse::<usize>() {
                Ok(number) if (1..=options.len()).contains(&number) => return Ok(number - 1),
                _ => self.say(&format!("please type a number from 1 to {}", options.len()))?,
            }
        }
        Err(Error::new(ErrorKind::Usage, "none of the choices was taken"))
    }

    /// Asks to pick some of several, by their numbers or by globs of their names; returns their positions from 0, in order.
    pub(crate) fn choose_several(&mut self, question: &str, options: &[String]) -> Result<Vec<usize>> {
        self.require("name them on the command line")?;
        for (index, option) in options.iter().enumerate() {
            self.say(&format!("{:>4}) {}", index + 1, escape(option)))?;
        }
        for _ in 0..TRIES {
            let asked = format!("{} (such as 1,3-5 or shop_*; * is all): ", escape(question));
            let answer = self.question(&asked, true)?.ok_or_else(cancelled)?;
            match several::picked(&answer, options) {
                Ok(picked) => return Ok(picked),
                Err(wrong) => self.say(&format!("nothing here is {}", escape(&wrong)))?,
            }
        }
        Err(Error::new(ErrorKind::Usage, "none of the choices was taken"))
    }

    /// Asks for text; an empty answer is the default, and without one the question is asked again.
    pub(crate) fn ask(&mut self, question: &str, default: Option<&str>) -> Result<String> {
        self.require("give it on the command line")?;
        let shown = default.map(|default| format!(" [{}]", escape(default))).unwrap_or_default();
        for _ in 0..TRIES {
            let answer =
                self.question(&format!("{}{shown}: ", escape(question)), true)?.ok_or_else(cancelled)?;
            match (answer.trim(), default) {
                ("", Some(default)) => return Ok(default.to_owned()),
                ("", None) => self.say("please type something")?,
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
        Err(Error::new(ErrorKind::Usage, "the question was not answered"))
    }

    /// Asks for text without showing it; nothing is trimmed off.
    pub(crate) fn ask_hidden(&mut self, question: &str) -> Result<String> {
        self.require("give it on the standard input with the option for that")?;
        self.question(&format!("{}: ", escape(question)), false)?.ok_or_else(cancelled)
    }

    fn require(&self, instead: &str) -> Result<()> {
        if self.is_interactive() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, "this needs an answer, and there is no terminal to ask on")
            .hint(instead))
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.output, "{line}").map_err(cannot_ask)
    }

    /// Shows a question and reads one line; `None` at the end of the input.
    fn question(&mut self, text: &str, echo: bool) -> Result<Option<String>> {
        let mode = match self.answers {
            Answers::Terminal(terminal) => Some(Mode::begin(terminal, echo).map_err(cannot_ask)?),
            _ => None,
        };
        write!(self.output, "{text}").and_then(|()| self.output.flush()).map_err(cannot_ask)?;
        let line = read_line(self.input);
        drop(mode);
        if !matches!(line, Ok(Some(_))) || !echo {
            // The cursor still stands behind the question.
            writeln!(self.output).map_err(cannot_ask)?;
        }
        line
    }
}

impl std::fmt::Debug for Prompter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompter").field("answers", &self.answers).finish_non_exhaustive()
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the question was not answered")
}

fn cannot_ask(error: std::io::Error) -> Error {
    Error::io("cannot ask on the terminal", error)
}

/// Reads one line without its line break; `None` at the end of the input.
fn read_line(input: &mut dyn BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other.map_err(cannot_ask)?,
        };
        let end = available.iter().position(|byte| *byte == b'\n' || *byte == INTERRUPT);
        let ended_by = end.and_then(|end| available.get(end)).copied();
        let taken = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        line.extend_from_slice(taken);
        let used = taken.len() + usize::from(ended_by.is_some());
        input.consume(used);
        match ended_by {
            Some(INTERRUPT) => return Err(cancelled()),
            Some(_) => break,
            None if used == 0 && line.is_empty() => return Ok(None),
            None if used == 0 => break,
            None => {}
        }
        if line.len() > LONGEST {
            return Err(Error::new(ErrorKind::Usage, "the answer is too long"));
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|_| Error::new(ErrorKind::Usage, "the answer is not UTF-8 text"))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod pty_tests;
