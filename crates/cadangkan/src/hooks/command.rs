use std::io::{Seek, Write};
use std::process::Command;
use std::time::Duration;

use cadangkan_core::{Cancel, Error, ErrorKind, Result, format_duration};

use super::facts::Facts;
use crate::program::{self, How, Printed};

/// How a command ended.
pub(super) struct Ended {
    pub(super) result: Result<()>,
    pub(super) printed: Printed,
}

/// Runs a command to its end, with the facts on its standard input and in its environment. Fails with `Hook` when it cannot be
/// started.
pub(super) fn run(words: &[String], facts: &Facts, timeout: Duration, cancel: &Cancel) -> Result<Ended> {
    let failed = |error| Error::io("cannot run the command of a hook", error).with_kind(ErrorKind::Hook);
    // A file and no pipe: it need not read it.
    let mut input = tempfile::tempfile().map_err(failed)?;
    input.write_all(facts.json.to_string().as_bytes()).map_err(failed)?;
    input.rewind().map_err(failed)?;
    let (name, arguments) = words.split_first().ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
    let variables = facts.variables.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(name);
    command.args(arguments).envs(variables).stdin(input);
    let (how, printed) = program::run(&mut command, timeout, cancel).map_err(failed)?;
    let hook = |message: String| Err(Error::new(ErrorKind::Hook, message));
    let result = match how {
        How::Ended(status) if status.success() => Ok(()),
        How::Ended(status) => hook(format!("the command of a hook ended with {status}")),
        How::Stopped => cancel.check(),
        How::TookTooLong => {
            let time = format_duration(timeout);
            hook(format!("the command of a hook did not end within {time}")).map_err(|error| {
                error.hint(
                    "it was ended with all that it had started; its `timeout` says how long it may take",
                )
            })
        }
    };
    Ok(Ended { result, printed })
}
