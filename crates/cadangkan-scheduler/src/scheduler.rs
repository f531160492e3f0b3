use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cadangkan_catalog::{Catalog, Job, JobEnd, JobId, JobState, NewJob, ScheduleKey, ScheduleStep};
use cadangkan_core::{Name, Result, Timestamp};

use crate::due::{new_job, step, timing_text, waiting_job};
use crate::retry::Retry;
use crate::runner::Found;
use crate::{End, Ended, Note, Plan, Runner, Schedule, Sessions, Timing};

/// How long a job waits whose database another run has.
const BUSY_WAIT: Duration = Duration::from_secs(60);
/// How long a job of a process that was killed waits: what that process left behind ends meanwhile.
const INTERRUPTED_WAIT: Duration = Duration::from_secs(5);
/// How often the load of the machine and of servers is looked at again.
const LOAD_WAIT: Duration = Duration::from_secs(30);
/// How soon it looks again whether a server has answered.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How long a job waits for the load to fall; a backup matters more then.
const LONGEST_LOAD_WAIT: Duration = Duration::from_secs(3600);
/// The longest time until it looks again by itself.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What bounds the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most jobs at once, over all databases.
    pub at_once: usize,
    /// How long a daemon is believed to live without a word.
    pub lease: Duration,
    /// A run that begins later than this after its time was missed.
    pub late: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { at_once: 3, lease: Duration::from_secs(90), late: Duration::from_secs(300) }
    }
}

/// What one look at the clock gave.
#[derive(Debug)]
pub struct Tick {
    /// What was done and found.
    pub notes: Vec<Note>,
    /// When to look again at the latest.
    pub wake: Timestamp,
}

/// Makes jobs of what is due, and hands them out.
///
/// There is one at a time for a catalog, which the caller sees to. All calls fail as the catalog does; nothing is lost
/// then, and the same call can be made again.
pub struct Scheduler<'a> {
    catalog: &'a Catalog,
    owner: String,
    limits: Limits,
    entries: BTreeMap<ScheduleKey, Entry>,
    /// What this daemon began.
    begun: BTreeMap<JobId, Begun>,
    /// What ended, and is not recorded yet: the catalog may be out of use for a while.
    unsettled: Vec<Ended>,
    /// What was done and not told yet, for the same reason.
    untold: Vec<Note>,
    /// What waits for room on its machine or server, and was told.
    waiting: BTreeSet<JobId>,
    /// Since when each schedule has waited for its turn, with all that was due meanwhile.
    queued_since: BTreeMap<(Name, String), Timestamp>,
    /// What a daemon before it began, and nobody heard the end of.
    orphans: Vec<Job>,
    last_tick: Option<Timestamp>,
    /// Since when it has looked at the clock without a long pause: what was due before could not be done.
    awake_since: Timestamp,
    renewed: Option<Timestamp>,
    ending: bool,
}

struct Entry {
    plan: Plan,
    next_due: Option<Timestamp>,
}

struct Begun {
    job: Job,
    deadline: Timestamp,
    stopped: Option<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Person,
    Timeout,
    Daemon,
}

impl<'a> Scheduler<'a> {
    /// Begins where the catalog says that things stand. `owner` names this daemon, and no other before it.
    pub fn new(catalog: &'a Catalog, owner: String, limits: Limits, now: Timestamp) -> Result<Self> {
        let orphans = catalog.take_over_jobs(&owner, later(now, limits.lease))?;
        let (entries, begun) = (BTreeMap::new(), BTreeMap::new());
        Ok(Scheduler {
            catalog,
            owner,
            limits,
            entries,
            begun,
            unsettled: Vec::new(),
            untold: Vec::new(),
            waiting: BTreeSet::new(),
            queued_since: BTreeMap::new(),
            orphans,
            last_tick: None,
            awake_since: now,
            renewed: None,
            ending: false,
        })
    }

    /// Changes what bounds it.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes up the schedules that there are now. What waits of others is dropped.
    pub fn load(&mut self, plans: Vec<Plan>, now: Timestamp) -> Result<Vec<Note>> {
        let states = self.catalog.schedule_states()?;
        let mut steps = Vec::new();
        let mut notes = Vec::new();
        let mut entries = BTreeMap::new();
        for plan in plans.into_iter().filter(|plan| plan.schedule.enabled) {
            let key = (plan.database.clone(), plan.name.clone());
            let timing = timing_text(&plan);
            let known = states.get(&key).filter(|state| state.timing == timing).map(|state| state.next_due);
            let expected = plan.schedule.next_after(now);
            let next_due = match (known, expected) {
                // What lies further ahead than there is a reason for was written by a clock that was wrong.
                (Some(known), Some(expected)) if known > expected => {
                    notes.push(Note::ClockSetBack { database: key.0.clone(), schedule: key.1.clone() });
                    Some(expected)
                }
                (known, expected) => known.or(expected),
            };
            if next_due.is_some() && next_due != known {
                steps.push(move_on(&plan, next_due));
            }
            entries.insert(key, Entry { plan, next_due });
        }
        for (database, schedule) in states.into_keys().filter(|key| !entries.contains_key(key)) {
            let (timing, jobs) = (String::new(), Vec::new());
            steps.push(ScheduleStep { database, schedule, timing, next_due: None, jobs });
        }
        if !steps.is_empty() {
            self.catalog.step_schedules(&steps)?;
        }
        self.entries = entries;
        for job in self.catalog.open_jobs()?.into_iter().filter(|job| job.state == JobState::Queued) {
            if !self.entries.contains_key(&(job.database.clone(), job.schedule.clone())) {
                let end = ended(JobState::Dropped, now, "its schedule was switched off or removed");
                notes.extend(self.catalog.drop_job(job.id, &end)?.map(Note::Dropped));
            }
        }
        Ok(notes)
    }

    /// Looks at the clock: what ended is recorded, what is due becomes a job, and what may begin is begun.
    pub fn tick(&mut self, now: Timestamp, runner: &mut dyn Runner) -> Result<Tick> {
        let mut notes = std::mem::take(&mut self.untold);
        match self.look(now, runner, &mut notes) {
            Ok(wake) => Ok(Tick { notes, wake }),
            Err(error) => {
                self.untold = notes;
                Err(error)
            }
        }
    }

    fn look(&mut self, now: Timestamp, runner: &mut dyn Runner, notes: &mut Vec<Note>) -> Result<Timestamp> {
        self.unsettled.extend(runner.ended());
        self.settle_ended(now, notes)?;
        self.look_for_orphans(now, runner, notes)?;
        self.stop_late(now, runner);
        if self.last_tick.is_some_and(|last| now < last) {
            self.set_back(now, notes)?;
        }
        if self.last_tick.is_none_or(|last| now.duration_since(last).unsigned_abs() > self.limits.late) {
            self.awake_since = now;
        }
        self.last_tick = Some(now);
        if !self.ending {
            self.make_due(now, notes)?;
        }
        let wake = self.start(now, runner, notes)?;
        self.renew(now)?;
        Ok(wake)
    }

    /// Says from time to time that this daemon lives.
    fn renew(&mut self, now: Timestamp) -> Result<()> {
        let recent = |renewed: Timestamp| now.duration_since(renewed).unsigned_abs() < self.limits.lease / 3;
        if self.begun.is_empty() || self.renewed.is_some_and(recent) {
            return Ok(());
        }
        self.catalog.renew_leases(&self.owner, later(now, self.limits.lease))?;
        self.renewed = Some(now);
        Ok(())
    }

    /// Cancels the job of a database that runs, and those that wait; tells how many. What runs ends soon after.
    pub fn cancel(
        &mut self,
        database: &Name,
        now: Timestamp,
        runner: &mut dyn Runner,
    ) -> Result<(usize, Vec<Note>)> {
        let (mut count, mut notes) = (0, Vec::new());
        for job in self.catalog.open_jobs()?.into_iter().filter(|job| &job.database == database) {
            match self.begun.get_mut(&job.id) {
                Some(begun) => {
                    begun.stopped.get_or_insert(Stop::Person);
                    runner.stop(job.id);
                    count += 1;
                }
                None => {
                    let end = ended(JobState::Cancelled, now, "cancelled by a person");
                    if let Some(job) = self.catalog.drop_job(job.id, &end)? {
                        notes.push(Note::Ended(job));
                        count += 1;
                    }
                }
            }
        }
        Ok((count, notes))
    }

    /// Begins nothing any more, and asks all that runs to end; what was cut short is tried again by the next daemon.
    pub fn shut_down(&mut self, runner: &mut dyn Runner) {
        self.ending = true;
        for (id, begun) in &mut self.begun {
            begun.stopped.get_or_insert(Stop::Daemon);
            runner.stop(*id);
        }
    }

    /// How many jobs run that it began.
    pub fn running(&self) -> usize {
        self.begun.len()
    }

    /// Records how jobs ended, and what follows from it. What cannot be recorded is kept for the next time.
    fn settle_ended(&mut self, now: Timestamp, notes: &mut Vec<Note>) -> Result<()> {
        while let Some(ended) = self.unsettled.first() {
            if let Some(Begun { job, stopped, .. }) = self.begun.get(&ended.job) {
                self.settle(job, *stopped, ended.clone(), now, notes)?;
            }
            let ended = self.unsettled.remove(0);
            self.begun.remove(&ended.job);
        }
        Ok(())
    }

    fn settle(
        &self,
        job: &Job,
        stopped: Option<Stop>,
        Ended { run, end, .. }: Ended,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        let schedule = self.schedule_of(job);
        let retry = schedule.map_or_else(Retry::default, |schedule| schedule.retry);
        let timeout = schedule.map_or(Schedule::USUAL_TIMEOUT, |schedule| schedule.timeout);
        let (state, reason) = match (end, stopped) {
            // Also what was to be stopped, and was faster.
            (End::Completed, _) => (JobState::Completed, None),
            (End::Partial(reason), _) => (JobState::Partial, Some(reason)),
            (_, Some(Stop::Person)) => (JobState::Cancelled, Some("cancelled by a person".to_owned())),
            (_, Some(Stop::Timeout)) => {
                (JobState::Failed, Some(format!("it took longer than {} seconds", timeout.as_secs())))
            }
            (_, Some(Stop::Daemon)) => {
                let requeued =
                    self.catalog.requeue_job(job.id, &self.owner, (now, false), run, "the daemon ended")?;
                notes.extend(requeued.map(Note::Interrupted));
                return Ok(());
            }
            (End::Stopped, None) => (JobState::Cancelled, Some("it was stopped from elsewhere".to_owned())),
            (End::Busy, None)
                if now.duration_since(job.due_at.max(self.awake_since)).unsigned_abs() < timeout =>
            {
                let reason = "another run has the database";
                let when = (later(now, BUSY_WAIT), false);
                let requeued = self.catalog.requeue_job(job.id, &self.owner, when, run, reason)?;
                notes.extend(requeued.map(Note::Postponed));
                return Ok(());
            }
            (End::Busy, None) => {
                (JobState::Failed, Some("another run had the database all the time".to_owned()))
            }
            (End::Failed { reason, retry: again }, None) => {
                match retry.wait_after(job.attempt).filter(|_| again) {
                    Some(wait) => {
                        let when = self.may_begin(job, later(now, wait));
                        let requeued =
                            self.catalog.requeue_job(job.id, &self.owner, (when, true), run, &reason)?;
                        notes.extend(requeued.map(Note::Retrying));
                        return Ok(());
                    }
                    None => (JobState::Failed, Some(reason)),
                }
            }
        };
        let followers = self.followers(job, state, now);
        let end = JobEnd { state, at: now, run, reason };
        if let Some((job, made)) = self.catalog.finish_job(job.id, &self.owner, &end, &followers)? {
            notes.push(Note::Ended(job));
            notes.extend(made.into_iter().filter(|job| job.state == JobState::Skipped).map(Note::Skipped));
        }
        Ok(())
    }

    /// What is due since a job ended.
    fn followers(&self, job: &Job, state: JobState, now: Timestamp) -> Vec<NewJob> {
        let follows = |entry: &&Entry| {
            matches!(&entry.plan.schedule.timing, Timing::After(database) if *database == job.database)
                && entry.plan.schedule.task.as_str() == job.task
        };
        let good = matches!(state, JobState::Completed | JobState::Partial);
        let make = |entry: &Entry| {
            if !good {
                let reason = format!("the {} of {} before it was {state}", job.task, job.database);
                return new_job(&entry.plan, job.due_at, JobState::Skipped, now, Some(reason));
            }
            let mut made = waiting_job(&entry.plan, now, now);
            // The time of the whole chain, so that it is there once.
            (made.due_at, made.last_due_at) = (job.due_at, job.due_at);
            made
        };
        self.entries.values().filter(follows).map(make).collect()
    }

    /// What a daemon before this one began: how did it end?
    fn look_for_orphans(
        &mut self,
        now: Timestamp,
        runner: &mut dyn Runner,
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        let mut place = 0;
        while let Some(job) = self.orphans.get(place) {
            match runner.find(job)? {
                Found::Running => {
                    place += 1;
                    continue;
                }
                Found::Ended(ended @ Ended { end: End::Completed | End::Partial(_), .. }) => {
                    self.settle(job, None, ended, now, notes)?;
                }
                Found::Ended(Ended { run, .. }) => self.interrupted(job, run, now, notes)?,
                Found::Gone => self.interrupted(job, None, now, notes)?,
            }
            // Only now: what could not be recorded is looked for again.
            self.orphans.remove(place);
        }
        Ok(())
    }

    fn interrupted(
        &self,
        job: &Job,
        run: Option<cadangkan_core::RunId>,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        let reason = "the daemon ended while it ran";
        let attempts = self.schedule_of(job).map_or_else(Retry::default, |schedule| schedule.retry).attempts;
        if job.attempt < attempts.max(2) {
            let when = (self.may_begin(job, later(now, INTERRUPTED_WAIT)), true);
            let requeued = self.catalog.requeue_job(job.id, &self.owner, when, run, reason)?;
            notes.extend(requeued.map(Note::Interrupted));
            return Ok(());
        }
        let end = JobEnd { state: JobState::Failed, at: now, run, reason: Some(reason.to_owned()) };
        let followers = self.followers(job, JobState::Failed, now);
        let finished = self.catalog.finish_job(job.id, &self.owner, &end, &followers)?;
        notes.extend(finished.map(|(job, _)| Note::Interrupted(job)));
        Ok(())
    }

    fn stop_late(&mut self, now: Timestamp, runner: &mut dyn Runner) {
        for (id, begun) in
            self.begun.iter_mut().filter(|(_, begun)| begun.deadline <= now && begun.stopped.is_none())
        {
            begun.stopped = Some(Stop::Timeout);
            runner.stop(*id);
        }
    }

    /// After the clock was set back, what was to come later than there is a reason for comes at its time.
    fn set_back(&mut self, now: Timestamp, notes: &mut Vec<Note>) -> Result<()> {
        let mut steps = Vec::new();
        for ((database, schedule), entry) in &mut self.entries {
            let Some(expected) = entry.plan.schedule.next_after(now) else { continue };
            if entry.next_due.is_some_and(|due| due > expected) {
                entry.next_due = Some(expected);
                steps.push(move_on(&entry.plan, entry.next_due));
                notes.push(Note::ClockSetBack { database: database.clone(), schedule: schedule.clone() });
            }
        }
        self.catalog.step_schedules(&steps).map(drop)
    }

    fn make_due(&mut self, now: Timestamp, notes: &mut Vec<Note>) -> Result<()> {
        let mut steps = Vec::new();
        let mut told = Vec::new();
        for entry in self.entries.values() {
            let Some(due) = entry.next_due.filter(|due| *due <= now) else { continue };
            let (step, more) = step(&entry.plan, due, now, self.limits.late);
            steps.push(step);
            told.extend(more);
        }
        if steps.is_empty() {
            return Ok(());
        }
        let made = self.catalog.step_schedules(&steps)?;
        for step in steps {
            if let Some(entry) = self.entries.get_mut(&(step.database, step.schedule)) {
                entry.next_due = step.next_due;
            }
        }
        notes.extend(told);
        for job in made {
            match job.state {
                JobState::Dropped => notes.push(Note::Dropped(job)),
                JobState::Skipped => notes.push(Note::Skipped(job)),
                JobState::Queued if self.waits_for_hours(&job) => notes.push(Note::Postponed(job)),
                _ => {}
            }
        }
        Ok(())
    }

    fn waits_for_hours(&self, job: &Job) -> bool {
        let jitter = self.schedule_of(job).map_or(Duration::ZERO, |schedule| schedule.jitter);
        job.not_before > later(job.due_at, jitter)
    }

    /// Begins what may begin; tells when to look again.
    fn start(&mut self, now: Timestamp, runner: &mut dyn Runner, notes: &mut Vec<Note>) -> Result<Timestamp> {
        let mut wake = self.next_wake(now);
        if self.ending {
            return Ok(wake);
        }
        let open = self.catalog.open_jobs()?;
        let mut busy: BTreeSet<Name> = open
            .iter()
            .filter(|job| job.state == JobState::Running)
            .map(|job| job.database.clone())
            .collect();
        let mut running = open.iter().filter(|job| job.state == JobState::Running).count();
        for job in self.in_turn(open) {
            if job.not_before > now {
                wake = wake.min(job.not_before);
                continue;
            }
            if running >= self.limits.at_once || busy.contains(&job.database) {
                continue;
            }
            let Some(schedule) = self.schedule_of(&job) else { continue };
            if schedule.may_begin(now) != Some(now) {
                let when = self.may_begin(&job, now);
                let postponed = self.catalog.postpone_job(job.id, when, "its hours are over")?;
                notes.extend(postponed.map(Note::Postponed));
                wake = wake.min(when);
                continue;
            }
            let deadline = later(now, schedule.timeout);
            if let Some((wait, reason)) = waits_for_load(&job, schedule, (self.awake_since, now), runner) {
                wake = wake.min(later(now, wait));
                if let Some(reason) = reason.filter(|_| self.waiting.insert(job.id)) {
                    notes.push(Note::Waits { job, reason });
                }
                continue;
            }
            self.waiting.remove(&job.id);
            let lease_until = later(now, self.limits.lease);
            let Some(job) = self.catalog.claim_job(job.id, &self.owner, now, lease_until)? else { continue };
            (running, _) = (running + 1, busy.insert(job.database.clone()));
            self.begun.insert(job.id, Begun { job: job.clone(), deadline, stopped: None });
            match runner.start(&job) {
                Ok(()) => notes.push(Note::Started(job)),
                Err(error) => {
                    let end = End::Failed { reason: error.chain().join(": "), retry: true };
                    self.unsettled.push(Ended { job: job.id, run: None, end });
                    self.settle_ended(now, notes)?;
                    (running, _) = (running - 1, busy.remove(&job.database));
                }
            }
        }
        Ok(wake)
    }

    /// Those that wait, the longest wait first. A job takes the place of the one that it overtook: where there is always more to
    /// do than can be done, each has its turn.
    fn in_turn(&mut self, open: Vec<Job>) -> Vec<Job> {
        let mut queued: Vec<_> = open.into_iter().filter(|job| job.state == JobState::Queued).collect();
        let key_of = |job: &Job| (job.database.clone(), job.schedule.clone());
        let before = std::mem::take(&mut self.queued_since);
        for job in &queued {
            let key = key_of(job);
            let first = before.get(&key).map_or(job.due_at, |first| job.due_at.min(*first));
            self.queued_since.insert(key, first);
        }
        queued.sort_by_cached_key(|job| self.queued_since.get(&key_of(job)).copied());
        queued
    }

    fn next_wake(&self, now: Timestamp) -> Timestamp {
        let due = self.entries.values().filter_map(|entry| entry.next_due);
        let deadlines =
            self.begun.values().filter(|begun| begun.stopped.is_none()).map(|begun| begun.deadline);
        let orphans = (!self.orphans.is_empty()).then(|| later(now, Duration::from_secs(1)));
        due.chain(deadlines).chain(orphans).fold(later(now, LONGEST_SLEEP), Timestamp::min).max(now)
    }

    fn may_begin(&self, job: &Job, time: Timestamp) -> Timestamp {
        self.schedule_of(job).and_then(|schedule| schedule.may_begin(time)).unwrap_or(time)
    }

    fn schedule_of(&self, job: &Job) -> Option<&Schedule> {
        let key = (job.database.clone(), job.schedule.clone());
        self.entries.get(&key).map(|entry| &entry.plan.schedule)
    }
}

/// How long until it is looked again whether machine and server have room for a job, and what there is too much of; none where
/// it may begin.
fn waits_for_load(
    job: &Job,
    schedule: &Schedule,
    (awake_since, now): (Timestamp, Timestamp),
    runner: &mut dyn Runner,
) -> Option<(Duration, Option<String>)> {
    // What is made up for could not wait before.
    if now.duration_since(job.not_before.max(awake_since)).unsigned_abs() >= LONGEST_LOAD_WAIT {
        return None;
    }
    if let Some((load, most)) = runner.load().zip(schedule.max_load).filter(|(load, most)| load > most) {
        return Some((LOAD_WAIT, Some(format!("the load of this machine is {load}, more than {most}"))));
    }
    let most = schedule.max_sessions?;
    match runner.sessions(job) {
        Sessions::AtWork(sessions) if sessions > most => {
            let reason = format!("{sessions} sessions are at work on its server, more than {most}");
            Some((LOAD_WAIT, Some(reason)))
        }
        Sessions::AtWork(_) | Sessions::Unknown => None,
        Sessions::Asked => Some((ANSWER_WAIT, None)),
    }
}

fn move_on(plan: &Plan, next_due: Option<Timestamp>) -> ScheduleStep {
    ScheduleStep {
        database: plan.database.clone(),
        schedule: plan.name.clone(),
        timing: timing_text(plan),
        next_due,
        jobs: Vec::new(),
    }
}

fn ended(state: JobState, at: Timestamp, reason: &str) -> JobEnd {
    JobEnd { state, at, run: None, reason: Some(reason.to_owned()) }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Plan {
    /// Where it stands when it is made: the first time after `now`, so that one which passes before a daemon looks is missed.
    pub fn first_step(&self, now: Timestamp) -> ScheduleStep {
        move_on(self, self.schedule.next_after(now))
    }
}
