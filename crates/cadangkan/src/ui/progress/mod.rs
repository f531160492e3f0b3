//! Progress: a bar on a terminal, plain lines in a pipe, only warnings when asked to be quiet or read by a program.

mod numbers;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cadangkan_core::{Event, Level, Progress, Reporter, format_duration};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Style, escape};
use numbers::{facts, percent, storages};
use serde_json::json;

/// Least time between two redraws of the bar.
const REDRAW: Duration = Duration::from_millis(100);
/// Least time between two plain lines of one step.
const LINE_LEAST: Duration = Duration::from_secs(1);
/// Time after which a plain line is due.
const LINE_DUE: Duration = Duration::from_secs(10);
/// Percent after which a plain line is due.
const LINE_PERCENT: u64 = 10;

/// Tells the time since some fixed point, never running backwards.
pub(crate) type Elapsed = Box<dyn Fn() -> Duration + Send + Sync>;

/// Where progress is shown.
pub(crate) enum Output {
    /// Nowhere; warnings and errors are lines all the same.
    Quiet(Box<dyn Write + Send>),
    /// Nowhere; warnings and errors are JSON, one value a line, for the program that reads the result.
    Json(Box<dyn Write + Send>),
    /// As lines, for logs and pipes.
    Lines(Box<dyn Write + Send>),
    /// As a bar, with lines above it.
    Bar(ProgressDrawTarget),
}

/// Shows the events of one run to a person.
///
/// What cannot be written is let go: a run does not fail because nobody can watch it.
pub(crate) struct Watcher {
    state: Mutex<State>,
    style: Style,
    verbose: bool,
    elapsed: Elapsed,
}

struct State {
    sink: Sink,
    step: Option<Step>,
}

enum Sink {
    Quiet(Box<dyn Write + Send>),
    Json(Box<dyn Write + Send>),
    Lines(Box<dyn Write + Send>),
    Bar(ProgressBar),
}

/// The step that is under way.
struct Step {
    name: String,
    began: Duration,
    shown: Duration,
    shown_percent: u64,
    /// How far each of several storages is.
    storages: String,
}

impl Watcher {
    /// Makes a watcher; `verbose` also shows messages for debugging.
    pub(crate) fn new(output: Output, style: Style, verbose: bool, elapsed: Elapsed) -> Self {
        let sink = match output {
            Output::Quiet(lines) => Sink::Quiet(lines),
            Output::Json(lines) => Sink::Json(lines),
            Output::Lines(lines) => Sink::Lines(lines),
            Output::Bar(target) => Sink::Bar(ProgressBar::with_draw_target(None, target)),
        };
        Watcher { state: Mutex::new(State { sink, step: None }), style, verbose, elapsed }
    }

    /// Ends the last step, as done or as failed, and takes the bar away.
    pub(crate) fn finish(&self, good: bool) {
        let mut state = self.lock();
        self.end_step(&mut state, good);
        if let Sink::Bar(bar) = &state.sink {
            bar.finish_and_clear();
        }
    }

    /// A panic elsewhere does not make the picture wrong enough to stop showing it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_step(&self, state: &mut State, good: bool) {
        let Some(step) = state.step.take() else { return };
        let mark = if good { self.style.good_mark() } else { self.style.bad_mark() };
        let took = format_duration((self.elapsed)().saturating_sub(step.began));
        state.sink.line(&format!("{mark} {} {}", escape(&step.name), self.style.dim(&took)));
    }

    fn begin_step(&self, state: &mut State, name: &str) {
        self.end_step(state, true);
        let now = (self.elapsed)();
        if let Sink::Bar(bar) = &state.sink {
            bar.reset();
            bar.unset_length();
            bar.set_style(spinner());
            bar.set_prefix(escape(name).into_owned());
            bar.set_message("");
        }
        let storages = String::new();
        state.step = Some(Step { name: name.to_owned(), began: now, shown: now, shown_percent: 0, storages });
    }

    fn progress(&self, state: &mut State, progress: &Progress) {
        let State { sink, step: Some(step) } = state else { return };
        let now = (self.elapsed)();
        let since = now.saturating_sub(step.shown);
        let done = percent(progress);
        let due = match sink {
            Sink::Quiet(_) | Sink::Json(_) => false,
            Sink::Bar(_) => since >= REDRAW,
            Sink::Lines(_) => {
                let further = done.is_some_and(|done| done >= step.shown_percent + LINE_PERCENT);
                since >= LINE_DUE || (since >= LINE_LEAST && further)
            }
        };
        if !due {
            return;
        }
        (step.shown, step.shown_percent) = (now, done.unwrap_or(0));
        let mut facts = facts(progress, now.saturating_sub(step.began));
        if !step.storages.is_empty() {
            facts = format!("{facts}  {}", step.storages);
        }
        match sink {
            Sink::Quiet(_) | Sink::Json(_) => {}
            Sink::Lines(_) => sink.line(&format!("  {} {facts}", escape(&step.name))),
            Sink::Bar(bar) => {
                if let Some(total) = progress.total_bytes.filter(|total| *total > 0) {
                    if bar.length() != Some(total) {
                        bar.set_length(total);
                        bar.set_style(filling());
                    }
                    bar.set_position(progress.bytes.min(total));
                }
                bar.set_message(facts);
            }
        }
    }

    fn message(&self, state: &mut State, level: Level, text: &str) {
        if let Sink::Json(output) = &mut state.sink {
            let key = match level {
                Level::Debug | Level::Info => return,
                Level::Warning => "warning",
                Level::Error => "failure",
            };
            write_line(output, &json!({ key: text }).to_string());
            return;
        }
        let text = escape(text);
        let line = match level {
            Level::Debug if !self.verbose => return,
            Level::Debug => self.style.dim(&text),
            Level::Info => text.into_owned(),
            Level::Warning => format!("{} {text}", self.style.warning_mark()),
            Level::Error => format!("{} {text}", self.style.bad_mark()),
        };
        match (&mut state.sink, level) {
            (Sink::Quiet(output), Level::Warning | Level::Error) => write_line(output, &line),
            (sink, _) => sink.line(&line),
        }
    }
}

impl Reporter for Watcher {
    fn report(&self, event: &Event<'_>) {
        let mut state = self.lock();
        match event {
            Event::Step { name } => self.begin_step(&mut state, name),
            Event::Progress(progress) => self.progress(&mut state, progress),
            Event::Storages(all) => {
                if let Some(step) = &mut state.step {
                    step.storages = storages(all);
                }
            }
            Event::Message { level, text } => self.message(&mut state, *level, text),
        }
    }
}

impl Sink {
    fn line(&mut self, line: &str) {
        match self {
            Sink::Quiet(_) | Sink::Json(_) => {}
            Sink::Lines(output) => write_line(output, line),
            Sink::Bar(bar) => bar.println(line),
        }
    }
}

fn write_line(output: &mut dyn Write, line: &str) {
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

/// The style of a step that has no known end.
fn spinner() -> ProgressStyle {
    template("{spinner} {prefix} {wide_msg}")
}

/// The style of a step that has one.
fn filling() -> ProgressStyle {
    template("{spinner} {prefix} [{bar:24}] {wide_msg}").progress_chars("=> ")
}

fn template(text: &str) -> ProgressStyle {
    // The cursor waits at the begin of the line: behind it, what the terminal shows of Ctrl-C would go into the next
    // line, and that one would be cleared instead.
    let text = &format!("{text}\r");
    // The templates are fixed; were one wrong, the built-in style would be shown.
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests;
