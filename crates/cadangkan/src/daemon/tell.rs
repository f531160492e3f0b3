use std::collections::BTreeSet;

use cadangkan_catalog::{Catalog, Job, JobId, JobState};
use cadangkan_core::{Result, Timestamp};
use cadangkan_notify::{Event, EventKind, Problem};
use cadangkan_scheduler::{Note, Task};

use crate::app::{App, CatalogNeed};
use crate::notifications::{How, tell};

/// Keeps events for those who hear them, the first first; what the catalog cannot take stays for the next time.
pub(super) fn keep(app: &App, events: &mut Vec<Event>, now: Timestamp) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let session = app.session(CatalogNeed::Required)?;
    while let Some(event) = events.first_mut() {
        if count(session.catalog()?, event)? {
            tell(&session, event, now, How::Together)?;
        }
        events.remove(0);
    }
    Ok(())
}

/// Counts how often a task that does not tell of itself has failed by now; tells whether there is something to be told. What went
/// well is told after failures only.
fn count(catalog: &Catalog, event: &mut Event) -> Result<bool> {
    let (Some(task), Some(database)) = (&event.run, &event.database) else { return Ok(true) };
    if is_told_by_itself(task) || event.failures > 0 {
        return Ok(true);
    }
    let subject = format!("{task} of {database}");
    match event.kind {
        EventKind::Failure | EventKind::Partial => event.failures = catalog.count_failure(&subject)?,
        EventKind::Recovered => event.failures = catalog.end_failures(&subject)?,
        _ => {}
    }
    Ok(event.kind != EventKind::Recovered || event.failures > 0)
}

/// What no run of its own can tell: runs that were missed or left out, and those that ended without a word. `mute` are the jobs
/// whose process ended without a chance to tell: killed, stopped, or never there.
pub(super) fn event(app: &App, note: &Note, mute: &BTreeSet<JobId>, now: Timestamp) -> Option<Event> {
    let new = |kind| Event::new(kind, now, &app.process.host, env!("CARGO_PKG_VERSION"));
    match note {
        Note::Missed { database, schedule, count, first, last, caught_up } => {
            let mut event = new(EventKind::Missed);
            event.database = Some(database.to_string());
            let times = if count == &1 {
                format!("the run due at {last}")
            } else {
                format!("{count} runs due from {first} to {last}")
            };
            let then = if *caught_up { "; it is made up for now" } else { "" };
            event.detail = Some(format!("{times} by the schedule {schedule} did not begin in time{then}"));
            Some(event)
        }
        Note::Skipped(job) => Some(Event {
            detail: Some(format!("the run due at {} was left out: {}", job.due_at, reason(job))),
            ..of(job, new(EventKind::Missed))
        }),
        // One that is tried again tells of it itself.
        Note::Interrupted(job) if job.state == JobState::Failed => Some(of(job, new(EventKind::Interrupted))),
        Note::Ended(job) if mute.contains(&job.id) || !tells_itself(job) => {
            let (kind, code) = match job.state {
                JobState::Failed => (EventKind::Failure, "failed"),
                JobState::Partial => (EventKind::Partial, "partial"),
                // Whether there is anything to tell is seen when it is kept.
                JobState::Completed if !tells_itself(job) => {
                    return Some(of(job, new(EventKind::Recovered)));
                }
                _ => return None,
            };
            let error = Problem { code: code.to_owned(), message: reason(job).to_owned(), hint: None };
            Some(Event { error: Some(error), ..of(job, new(kind)) })
        }
        _ => None,
    }
}

/// Backups and verifications tell how they went.
fn tells_itself(job: &Job) -> bool {
    is_told_by_itself(&job.task)
}

fn is_told_by_itself(task: &str) -> bool {
    [Task::Backup, Task::Verify].iter().any(|known| known.as_str() == task)
}

fn of(job: &Job, event: Event) -> Event {
    Event {
        database: Some(job.database.to_string()),
        run: Some(job.task.clone()),
        begun_at: job.started_at,
        ..event
    }
}

fn reason(job: &Job) -> &str {
    job.reason.as_deref().unwrap_or("no reason is known")
}
