//! What a person wants done before and after a backup: programs, lines of the shell, addresses.

mod command;
mod facts;
mod post;
mod settings;

use std::sync::Mutex;

use cadangkan_core::{Cancel, Control, Error, ErrorKind, Level, Result};
use cadangkan_ops::around::{Around, AroundRun, End};

use crate::ui::escape;
use facts::Facts;

pub(crate) use settings::{Action, Hook, HookSettings};

/// Lines of what a hook printed that its error has.
const LAST_LINES: usize = 10;

/// The hooks of one database.
pub(crate) struct Hooks {
    settings: HookSettings,
    /// Which ones failed when the backup was there already.
    failed: Mutex<Vec<String>>,
}

impl Hooks {
    /// Takes what is configured.
    pub(crate) fn new(settings: HookSettings) -> Self {
        Hooks { settings, failed: Mutex::default() }
    }

    /// Fails with `Partial` when a hook after the backup failed: what it was to do is left undone, an application that was
    /// stopped before may still stand still, and somebody has to hear of it.
    pub(crate) fn told(&self) -> Result<()> {
        let failed = self.failed.lock().map(|failed| failed.clone()).unwrap_or_default();
        if failed.is_empty() { Ok(()) } else { Err(left_undone(&failed)) }
    }
}

impl Around for Hooks {
    fn before(&self, run: &AroundRun<'_>, control: &Control<'_>) -> Result<()> {
        let facts = Facts::before(run);
        for (number, hook) in self.settings.before.iter().flatten().enumerate() {
            control.check()?;
            do_one(&format!("before {}", number + 1), hook, &facts, control)
                .map_err(|error| error.hint("nothing was backed up"))?;
        }
        Ok(())
    }

    fn after(&self, run: &AroundRun<'_>, end: &End<'_>, control: &Control<'_>) -> Result<()> {
        let is_there = !end.made.is_empty();
        let (event, hooks) = match is_there {
            true => ("after", &self.settings.after),
            false => ("on_failure", &self.settings.on_failure),
        };
        let facts = Facts::after(event, run, end);
        // What was stopped before has to be started again, also when somebody has no patience with the backup itself.
        let never = Cancel::default();
        let cancel = if control.cancel.is_cancelled() { &never } else { control.cancel };
        let control = Control { cancel, ..*control };
        let mut failed = Vec::new();
        for (number, hook) in hooks.iter().flatten().enumerate() {
            if let Err(error) = do_one(&format!("{event} {}", number + 1), hook, &facts, &control) {
                control.message(Level::Warning, &error.to_string());
                failed.push(error.to_string());
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        let error = left_undone(&failed);
        if let Ok(mut kept) = self.failed.lock().map_err(drop)
            && is_there
        {
            *kept = failed;
        }
        Err(error)
    }
}

fn left_undone(failed: &[String]) -> Error {
    let error = Error::new(ErrorKind::Partial, "a hook failed after the run itself had ended");
    let error = failed.iter().fold(error, |error, text| error.context("failed", text));
    error.hint("what it was to do is left undone: do it by hand, and repair the hook")
}

/// Does one thing; what it prints goes to the log of the run.
fn do_one(which: &str, hook: &Hook, facts: &Facts, control: &Control<'_>) -> Result<()> {
    let name = hook.action.name();
    control.step(&format!("hook {which}"));
    let about = |error: Error| error.context("hook", format!("{which} ({})", escape(&name)));
    let words = match &hook.action {
        // It cannot be left before its time is over; then somebody who asked to stop is not told of a failure.
        Action::Post { url, headers } => {
            let sent = post::send(url, headers, facts, hook.timeout);
            return sent.or_else(|error| control.check().and(Err(error))).map_err(about);
        }
        Action::Program(words) => words.clone(),
        Action::Shell(line) => ["sh", "-c", line].map(str::to_owned).to_vec(),
    };
    let ended = command::run(&words, facts, hook.timeout, control.cancel).map_err(about)?;
    let lines = ended.printed.lines();
    for line in &lines {
        control.message(Level::Info, &format!("{which}: {line}"));
    }
    let Err(error) = ended.result else { return Ok(()) };
    let last = lines.iter().skip(lines.len().saturating_sub(LAST_LINES));
    Err(last.fold(about(error), |error, line| error.context("it said", line)))
}

#[cfg(test)]
mod tests;
