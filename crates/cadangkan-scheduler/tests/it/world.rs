use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::{Catalog, Job, JobFilter, JobId, JobState};
use cadangkan_core::{Error, ErrorKind, Name, Result, RunId, Timestamp};
use cadangkan_scheduler::{
    End, Ended, Found, Limits, Note, Plan, Runner, ScheduleSettings, Scheduler, Sessions,
};
use jiff::tz::TimeZone;
use serde_json::Value;
use tempfile::TempDir;

/// A catalog in a folder of its own.
pub(crate) struct World {
    _folder: TempDir,
    pub(crate) catalog: Catalog,
}

impl World {
    pub(crate) fn new() -> Self {
        // In memory where that is possible: what is waited for is the disk otherwise.
        let memory = std::path::Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
        World { _folder: folder, catalog }
    }

    /// Takes away what the catalog needs for jobs, or gives it back.
    pub(crate) fn break_jobs(&self, broken: bool) {
        let (from, to) = if broken { ("jobs", "jobs_away") } else { ("jobs_away", "jobs") };
        let other = rusqlite::Connection::open(self.catalog.path()).unwrap();
        other.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
    }

    /// All jobs, the oldest first.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.catalog.jobs(&JobFilter::default()).unwrap();
        jobs.reverse();
        jobs
    }

    /// `database/schedule due state attempt` of each job.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |job: &Job| {
            let due = job.due_at.strftime("%d %H:%M");
            let count = if job.count == 1 { String::new() } else { format!(" x{}", job.count) };
            format!("{}/{} {due} {}{count} {}", job.database, job.schedule, job.state, job.attempt)
        };
        self.jobs().iter().map(line).collect()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn plan(database: &str, schedule: &str, settings: Value) -> Plan {
    let settings: ScheduleSettings = serde_json::from_value(settings).unwrap();
    let schedule_read = settings.schedule(&TimeZone::UTC).unwrap();
    Plan { database: name(database), name: schedule.to_owned(), schedule: schedule_read }
}

/// Plays what a process would do: each run takes some time and ends as it was told to.
pub(crate) struct Played {
    pub(crate) now: Timestamp,
    /// How long runs take.
    pub(crate) takes: Duration,
    /// How the next attempts of a database end; `Completed` when nothing is said.
    pub(crate) ends: BTreeMap<Name, Vec<End>>,
    pub(crate) running: BTreeMap<JobId, (Job, Timestamp)>,
    /// What was begun, in order, with how many ran then.
    pub(crate) begun: Vec<(Job, usize)>,
    /// What came to an end: also what no daemon heard of.
    pub(crate) done: BTreeMap<JobId, End>,
    pub(crate) load: Option<f64>,
    pub(crate) sessions: Sessions,
    pub(crate) refuses: bool,
    pub(crate) stopped: Vec<JobId>,
}

impl Played {
    pub(crate) fn new() -> Self {
        Played {
            now: Timestamp::UNIX_EPOCH,
            takes: Duration::from_secs(60),
            ends: BTreeMap::new(),
            running: BTreeMap::new(),
            begun: Vec::new(),
            done: BTreeMap::new(),
            load: None,
            sessions: Sessions::Unknown,
            refuses: false,
            stopped: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, database: &str, ends: &[End]) {
        self.ends.insert(name(database), ends.to_vec());
    }

    fn end_of(&mut self, database: &Name) -> End {
        let said = self.ends.get_mut(database).filter(|ends| !ends.is_empty());
        said.map_or(End::Completed, |ends| ends.remove(0))
    }

    /// What is over by now.
    fn over(&mut self) -> Vec<Ended> {
        let now = self.now;
        let over: Vec<JobId> = self
            .running
            .iter()
            .filter(|(id, (_, until))| *until <= now || self.stopped.contains(id))
            .map(|(id, _)| *id)
            .collect();
        let mut ended = Vec::new();
        for id in over {
            let Some((job, until)) = self.running.remove(&id) else { continue };
            let end = if until <= now { self.end_of(&job.database) } else { End::Stopped };
            self.stopped.retain(|stopped| *stopped != id);
            self.done.insert(id, end.clone());
            ended.push(Ended { job: id, run: Some(RunId(id.0)), end });
        }
        ended
    }

    /// The daemon is killed: with it what runs, unless it just came to an end which nobody hears of.
    pub(crate) fn kill(&mut self) {
        self.over();
        self.running.clear();
        self.stopped.clear();
    }
}

impl Runner for Played {
    fn start(&mut self, job: &Job) -> Result<()> {
        if self.refuses {
            return Err(Error::new(ErrorKind::Io, "there is no process left"));
        }
        assert!(
            !self.running.values().any(|(other, _)| other.database == job.database),
            "two of {} at once",
            job.database
        );
        self.begun.push((job.clone(), self.running.len()));
        self.done.remove(&job.id);
        let until = self.now.checked_add(self.takes).unwrap();
        self.running.insert(job.id, (job.clone(), until));
        Ok(())
    }

    fn find(&mut self, job: &Job) -> Result<Found> {
        Ok(match self.done.get(&job.id) {
            Some(end) => Found::Ended(Ended { job: job.id, run: None, end: end.clone() }),
            None if self.running.contains_key(&job.id) => Found::Running,
            None => Found::Gone,
        })
    }

    fn ended(&mut self) -> Vec<Ended> {
        self.over()
    }

    fn stop(&mut self, job: JobId) {
        self.stopped.push(job);
    }

    fn load(&self) -> Option<f64> {
        self.load
    }

    fn sessions(&mut self, _job: &Job) -> Sessions {
        self.sessions
    }
}

/// A daemon that lives from one moment to another.
pub(crate) struct Daemon<'a> {
    pub(crate) scheduler: Scheduler<'a>,
    pub(crate) now: Timestamp,
    pub(crate) notes: Vec<Note>,
}

impl<'a> Daemon<'a> {
    pub(crate) fn start(world: &'a World, plans: &[Plan], now: Timestamp) -> Self {
        Daemon::start_with(world, plans, now, Limits::default())
    }

    pub(crate) fn start_with(world: &'a World, plans: &[Plan], now: Timestamp, limits: Limits) -> Self {
        // As the daemon does it: a name that none before it had.
        let owner = format!("daemon {}", now.as_millisecond());
        let mut scheduler = Scheduler::new(&world.catalog, owner, limits, now).unwrap();
        let notes = scheduler.load(plans.to_vec(), now).unwrap();
        Daemon { scheduler, now, notes }
    }

    /// Lives until a moment, looking at the clock whenever it asked to, or a run ends.
    pub(crate) fn until(&mut self, end: Timestamp, runner: &mut Played) {
        loop {
            runner.now = self.now;
            let tick = self.scheduler.tick(self.now, runner).unwrap();
            self.notes.extend(tick.notes);
            let next_end = match runner.stopped.is_empty() {
                true => runner.running.values().map(|(_, until)| *until).min(),
                false => Some(self.now),
            };
            let wake = next_end.map_or(tick.wake, |end| end.min(tick.wake));
            // A daemon that has something to do at once looks again a moment later.
            let wake = wake.max(self.now.checked_add(Duration::from_millis(100)).unwrap());
            if wake > end {
                self.now = end;
                return;
            }
            self.now = wake;
        }
    }
}

pub(crate) fn failed(reason: &str) -> End {
    End::Failed { reason: reason.to_owned(), retry: true }
}

pub(crate) fn states(world: &World) -> Vec<JobState> {
    world.jobs().into_iter().map(|job| job.state).collect()
}
