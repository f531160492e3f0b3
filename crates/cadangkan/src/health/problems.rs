use std::time::Duration;

use cadangkan_catalog::RunKind;
use cadangkan_core::{Timestamp, format_duration};
use serde::Serialize;

use super::{Health, soon};
use crate::ui::escape;
use crate::ui::time::format_age;

/// How bad something is. Exit codes of `health --check` follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// Nothing is wrong.
    Good,
    /// It could be better; nobody has to be woken for it.
    Note,
    /// Somebody should look at it.
    Warning,
    /// There is no good and fresh backup.
    Error,
}

/// Something that is wrong with a database's backups.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// How bad it is.
    pub(crate) grade: Grade,
    /// What it is, in a word that does not change.
    pub(crate) code: &'static str,
    /// What it is, in words.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) command: Option<String>,
    /// The words between the two; none where it follows by itself.
    #[serde(skip)]
    pub(crate) lead: &'static str,
}

impl Problem {
    /// What it is and what to do about it, in one line.
    pub(crate) fn line(&self) -> String {
        let Problem { text, command, lead, .. } = self;
        match command {
            Some(command) if lead.is_empty() => format!("{text}: {command}"),
            Some(command) => format!("{text}; {lead}: {command}"),
            None => text.clone(),
        }
    }
}

/// Backups are late when so many of their usual intervals are over, where nothing says how often they are to be.
const LATE: u32 = 2;

/// Backups that are usually closer together are made by hand: they are not late before that.
const LEAST_INTERVAL: Duration = Duration::from_hours(24);

/// Names what is wrong, the worst first.
pub(super) fn problems(health: &Health<'_>, now: Timestamp) -> Vec<Problem> {
    let name = &health.entry.name;
    let (good, mut found) = (health.last_good.as_ref(), Vec::new());
    let mut say = |grade, code, text: String, lead, command: Option<String>| {
        found.push(Problem { grade, code, text, command, lead });
    };
    let again = || Some(format!("cadangkan backup {name}"));
    if let Some(run) = health.failed() {
        let why = run.error.as_ref().map(|error| escape(&error.message).into_owned()).unwrap_or_default();
        say(Grade::Error, "failed", format!("the last backup of {name} failed: {why}"), "try", again());
    }
    if let Some(backup) = health.bad() {
        let text = format!("backup {} of {name} is {}", backup.id, backup.status.as_str());
        say(Grade::Error, backup.status.as_str(), text, "make a new one", again());
    }
    let enabled = health.entry.enabled;
    if enabled && health.newest.is_none() && health.failed().is_none() {
        say(Grade::Error, "never", format!("{name} was never backed up"), "", again());
    }
    if let Some(age) = late(health, now).filter(|_| enabled) {
        say(Grade::Error, "overdue", format!("{name} is overdue: {age}"), "", again());
    }
    if let Some(ahead) = health.newest.as_ref().filter(|newest| newest.created_at > soon(now)) {
        let text = format!(
            "backup {} of {name} is dated {}: a clock is wrong, or was when it was made; until then it stands for the newest",
            ahead.id,
            format_age(ahead.created_at, now)
        );
        say(Grade::Warning, "future", text, "", None);
    }
    for lost in &health.lost {
        let (id, storage, how) = (lost.id, &lost.storage, lost.status.as_str());
        let text = format!("the copy of backup {id} of {name} in {storage} is {how}");
        say(
            Grade::Warning,
            "lost_copy",
            text,
            "make it anew",
            Some(format!("cadangkan backups sync {name}")),
        );
    }
    if let Some(backup) = health.suspect() {
        let reasons = backup.suspect.iter().map(|reason| escape(reason).into_owned());
        let text =
            format!("backup {} of {name} looks wrong: {}", backup.id, reasons.collect::<Vec<_>>().join("; "));
        say(
            Grade::Warning,
            "suspect",
            text,
            "if it is right",
            Some(format!("cadangkan backups accept {name}")),
        );
    }
    if let (Some(_), [only]) = (good, health.copies.as_slice()) {
        say(Grade::Note, "one_copy", format!("the last backup of {name} is in {only} only"), "", None);
    }
    if good.is_some() && health.verified_at.is_none() {
        let text = format!("no backup of {name} was ever verified");
        say(Grade::Note, "never_verified", text, "", Some(format!("cadangkan verify {name}")));
    }
    found.sort_by_key(|problem| std::cmp::Reverse(problem.grade));
    found
}

/// What is late, in words.
fn late(health: &Health<'_>, now: Timestamp) -> Option<String> {
    let last = health.last_good.as_ref()?;
    let (interval, until) = match (health.planned.interval, health.planned.expected) {
        (Some(planned), Some(expected)) => (planned, due_by(health, planned, expected)),
        _ => {
            let usual = health.usual_interval?.max(LEAST_INTERVAL);
            (usual, later(last.created_at, usual.saturating_mul(LATE)))
        }
    };
    let ago = format_age(last.created_at, now);
    (now > until).then(|| {
        format!(
            "the last good backup was made {ago}, usually there is one every {}",
            format_duration(interval)
        )
    })
}

/// When a backup that was to begin is to be there: a tenth of its interval later, and as long after as the last one took. One that
/// is being made has its whole interval.
fn due_by(health: &Health<'_>, interval: Duration, expected: Timestamp) -> Timestamp {
    let took = health.last_good.as_ref().map(|last| last.completed_at.duration_since(last.created_at));
    let took = took.and_then(|took| Duration::try_from(took).ok()).unwrap_or_default();
    let until = later(expected, (interval / 10).saturating_add(took));
    match health.running.as_ref().filter(|run| run.kind == RunKind::Backup && run.started_at <= until) {
        Some(run) => until.max(later(run.started_at, interval)),
        None => until,
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
