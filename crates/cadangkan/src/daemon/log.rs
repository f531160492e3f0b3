use std::io::Write;
use std::path::Path;

use cadangkan_catalog::{Job, JobState};
use cadangkan_core::{Level, Result, Timestamp};
use cadangkan_scheduler::Note;
use serde_json::{Map, Value};

use super::file::LogFile;
use super::levels::Levels;
use crate::app::App;
use crate::cli::OutputFormat;
use crate::config::LogSettings;
use crate::environment::{LEVELS_VARIABLE, environment};

/// What the scheduler says: on stderr, where systemd or Docker take it, and in a file.
pub(super) struct Log {
    form: Form,
    file: LogFile,
    levels: Levels,
}

#[derive(Clone, Copy)]
enum Form {
    /// `2026-01-15T14:30:22Z INFO  scheduler  the scheduler runs  schedules=3`.
    Text,
    /// The same, with the level as the journal reads it and without the time, which it has.
    Journal,
    /// An object on each line.
    Json,
}

impl Log {
    /// Opens the log of a home folder.
    pub(super) fn open(app: &App, home: &Path, settings: &LogSettings) -> Result<Self> {
        let form = match (app.global.output, environment("JOURNAL_STREAM")) {
            (OutputFormat::Json, _) => Form::Json,
            (OutputFormat::Table, Some(stream)) if is_stderr(&stream) => Form::Journal,
            (OutputFormat::Table, _) => Form::Text,
        };
        let file = LogFile::open(&home.join("logs"), settings.clone())?;
        Ok(Log { form, file, levels: levels(app, settings)? })
    }

    /// Takes up what the configuration says by now.
    pub(super) fn configure(&mut self, app: &App, settings: &LogSettings) -> Result<()> {
        self.levels = levels(app, settings)?;
        self.file.limit(settings.clone());
        Ok(())
    }

    /// From which level on something of a category is said.
    pub(super) fn least(&self, category: &str) -> Level {
        self.levels.least(category)
    }

    /// Writes a line. What cannot be written is not: the log is no reason to make no backups.
    pub(super) fn say(
        &mut self,
        now: Timestamp,
        level: Level,
        target: &str,
        message: &str,
        facts: &[(&str, String)],
    ) {
        if level < self.least(target) {
            return;
        }
        let text = render(self.form, now, level, target, message, facts);
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        self.file.write(now, &render(Form::Json, now, level, target, message, facts));
    }

    /// Writes what the scheduler did.
    pub(super) fn note(&mut self, now: Timestamp, note: &Note) {
        let (level, message, facts) = words(note);
        self.say(now, level, "scheduler", &message, &facts);
    }
}

/// What was typed wins over the environment, and that over the configuration.
fn levels(app: &App, settings: &LogSettings) -> Result<Levels> {
    match (app.global.verbose, app.global.quiet, environment(LEVELS_VARIABLE)) {
        (true, ..) => Ok(Levels::all(Level::Debug)),
        (_, true, _) => Ok(Levels::all(Level::Warning)),
        (_, _, Some(text)) if !text.trim().is_empty() => Levels::parse(&text),
        _ => Levels::parse(&settings.level),
    }
}

/// Tells whether what the journal gave a process is what this one writes to: it may have been handed down to a shell
/// (systemd.exec(5), JOURNAL_STREAM).
fn is_stderr(stream: &str) -> bool {
    rustix::fs::fstat(std::io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn render(
    form: Form,
    now: Timestamp,
    level: Level,
    target: &str,
    message: &str,
    facts: &[(&str, String)],
) -> String {
    let (word, priority) = match level {
        Level::Debug => ("DEBUG", 7),
        Level::Info => ("INFO", 6),
        Level::Warning => ("WARN", 4),
        Level::Error => ("ERROR", 3),
    };
    let facts_text = || facts.iter().map(|(key, value)| format!("  {key}={value}")).collect::<String>();
    // A name in a message must not begin another line.
    let clean = |text: &str| text.replace(|character: char| character.is_control(), " ");
    match form {
        Form::Text => {
            let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
            clean(&format!("{time} {word:5} {target:13} {message}{}", facts_text()))
        }
        // sd-daemon(3): the priority in angle brackets at the beginning of the line.
        Form::Journal => format!("<{priority}>{}", clean(&format!("{target}: {message}{}", facts_text()))),
        Form::Json => {
            let mut map = Map::new();
            map.insert("time".into(), now.to_string().into());
            map.insert("level".into(), word.to_ascii_lowercase().into());
            map.insert("target".into(), target.into());
            map.insert("message".into(), message.into());
            map.extend(facts.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.clone()))));
            Value::Object(map).to_string()
        }
    }
}

fn words(note: &Note) -> (Level, String, Vec<(&'static str, String)>) {
    match note {
        Note::Started(job) => (Level::Info, format!("{} of {} begins", job.task, job.database), facts(job)),
        Note::Ended(job) => {
            let level = match job.state {
                JobState::Completed => Level::Info,
                JobState::Failed => Level::Error,
                _ => Level::Warning,
            };
            (level, format!("{} of {} {}", job.task, job.database, job.state), facts(job))
        }
        Note::Retrying(job) => (
            Level::Warning,
            format!("{} of {} failed, and is tried again at {}", job.task, job.database, job.not_before),
            facts(job),
        ),
        Note::Interrupted(job) => {
            (Level::Warning, format!("{} of {} was interrupted", job.task, job.database), facts(job))
        }
        Note::Skipped(job) => {
            (Level::Warning, format!("{} of {} is left out", job.task, job.database), facts(job))
        }
        Note::Dropped(job) => {
            (Level::Info, format!("{} of {} is left out", job.task, job.database), facts(job))
        }
        Note::Postponed(job) => (
            Level::Info,
            format!("{} of {} waits until {}", job.task, job.database, job.not_before),
            facts(job),
        ),
        Note::Waits { job, reason } => {
            (Level::Info, format!("{} of {} waits: {reason}", job.task, job.database), facts(job))
        }
        Note::Missed { database, schedule, count, first, last, caught_up } => {
            let then = if *caught_up { "; it is made up for now" } else { "" };
            let message = format!("{count} of the runs of {database} were not made at their time{then}");
            let facts = vec![
                ("database", database.to_string()),
                ("schedule", schedule.clone()),
                ("first_due", first.to_string()),
                ("last_due", last.to_string()),
            ];
            (Level::Error, message, facts)
        }
        Note::ClockSetBack { database, schedule } => {
            let facts = vec![("database", database.to_string()), ("schedule", schedule.clone())];
            (Level::Warning, "the clock was set back".to_owned(), facts)
        }
    }
}

fn facts(job: &Job) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("job", job.id.to_string()),
        ("database", job.database.to_string()),
        ("schedule", job.schedule.clone()),
        ("due", job.due_at.to_string()),
        ("attempt", job.attempt.to_string()),
    ];
    facts.extend(job.run_id.map(|run| ("run", run.to_string())));
    facts.extend(job.reason.clone().map(|reason| ("reason", reason)));
    facts
}
