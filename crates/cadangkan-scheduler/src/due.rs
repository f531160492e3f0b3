use std::time::Duration;

use cadangkan_catalog::{JobState, NewJob, ScheduleStep};
use cadangkan_core::Timestamp;

use crate::jitter;
use crate::schedule::Missed;
use crate::{Note, Plan, Timing};

/// The most times that are counted one by one; a clock that jumps by decades is not worth more.
const MOST_COUNTED: u32 = 1_000_000;
/// How far back it goes on after that.
const REST: jiff::SignedDuration = jiff::SignedDuration::from_hours(400 * 24);

/// The times of a schedule that have come.
struct Passed {
    first: Timestamp,
    /// The last but one.
    previous: Option<Timestamp>,
    last: Timestamp,
    count: u32,
    next: Option<Timestamp>,
}

/// Moves a schedule on whose time has come: which jobs there are to be made, and what is to be told.
///
/// Of several times that passed the last one counts; the others were missed. So was the last where it is `late` long ago.
pub(crate) fn step(
    plan: &Plan,
    next_due: Timestamp,
    now: Timestamp,
    late: Duration,
) -> (ScheduleStep, Vec<Note>) {
    let passed = passed(plan, next_due, now);
    let is_late = now.duration_since(passed.last).unsigned_abs() > late;
    let skips = is_late && plan.schedule.missed == Missed::Skip;
    let last = (!skips).then(|| waiting_job(plan, passed.last, now));
    let mut jobs = Vec::new();
    let mut notes = Vec::new();
    let missed = passed.count.saturating_sub(u32::from(!skips));
    if missed > 0 {
        let last = if skips { passed.last } else { passed.previous.unwrap_or(passed.last) };
        let reason = "nothing was there to run it at its time".to_owned();
        let mut job = new_job(plan, passed.first, JobState::Missed, now, Some(reason));
        (job.last_due_at, job.count) = (last, missed);
        jobs.push(job);
    }
    if missed > 0 || is_late {
        notes.push(Note::Missed {
            database: plan.database.clone(),
            schedule: plan.name.clone(),
            count: passed.count.saturating_sub(u32::from(!is_late)),
            first: passed.first,
            last: if is_late { passed.last } else { passed.previous.unwrap_or(passed.last) },
            caught_up: is_late && last.as_ref().is_some_and(|job| job.state == JobState::Queued),
        });
    }
    jobs.extend(last);
    let step = ScheduleStep {
        database: plan.database.clone(),
        schedule: plan.name.clone(),
        timing: timing_text(plan),
        next_due: passed.next,
        jobs,
    };
    (step, notes)
}

/// A job that waits for its turn: from its time, later by jitter, and not outside its hours. Dropped where the next is due
/// before they open.
pub(crate) fn waiting_job(plan: &Plan, due: Timestamp, now: Timestamp) -> NewJob {
    let delay = jitter::delay(&plan.database, &plan.name, due, plan.schedule.jitter);
    let opens = plan.schedule.may_begin(due.checked_add(delay).unwrap_or(due));
    let next = plan.schedule.next_after(due);
    match opens {
        Some(opens) if next.is_some_and(|next| next <= opens) => {
            let reason = "its hours are closed until the next is due".to_owned();
            new_job(plan, due, JobState::Dropped, now, Some(reason))
        }
        Some(not_before) => {
            let mut job = new_job(plan, due, JobState::Queued, now, None);
            job.not_before = not_before;
            job
        }
        None => {
            let reason = "within two weeks there is no time in which it may begin".to_owned();
            new_job(plan, due, JobState::Skipped, now, Some(reason))
        }
    }
}

/// A job of a schedule.
pub(crate) fn new_job(
    plan: &Plan,
    due: Timestamp,
    state: JobState,
    now: Timestamp,
    reason: Option<String>,
) -> NewJob {
    NewJob {
        database: plan.database.clone(),
        schedule: plan.name.clone(),
        task: plan.schedule.task.as_str().to_owned(),
        due_at: due,
        last_due_at: due,
        count: 1,
        state,
        not_before: due,
        at: now,
        reason,
    }
}

/// What the times of a schedule are, to notice that they were changed.
pub(crate) fn timing_text(plan: &Plan) -> String {
    match &plan.schedule.timing {
        Timing::Cron { pattern, zone } => {
            // A zone without a name is the machine's own; its rules stand for it as well as anything.
            format!("{} {}", pattern.as_str(), zone.iana_name().unwrap_or("local"))
        }
        Timing::After(database) => format!("after {database}"),
    }
}

fn passed(plan: &Plan, first: Timestamp, now: Timestamp) -> Passed {
    let mut passed = Passed { first, previous: None, last: first, count: 1, next: None };
    loop {
        passed.next = plan.schedule.next_after(passed.last);
        let Some(next) = passed.next.filter(|next| *next <= now) else { return passed };
        (passed.previous, passed.last) = (Some(passed.last), next);
        passed.count = passed.count.saturating_add(1);
        if passed.count == MOST_COUNTED
            && let Ok(later) = now.checked_sub(REST)
        {
            passed.last = passed.last.max(later);
        }
    }
}
