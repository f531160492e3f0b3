use std::sync::atomic::{AtomicBool, Ordering};

use cadangkan_archive::Trigger;
use cadangkan_catalog::{Job, JobId, JobState};
use cadangkan_core::{Cancel, Error, ErrorKind, Result};
use cadangkan_scheduler::{Schedule, Task};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::{backup, backups, retention, verify};
use crate::give_way::give_way;
use crate::schedules;

/// How often it looks whether the work is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Arguments of `job`.
#[derive(Debug, clap::Args)]
pub(crate) struct JobArgs {
    /// The number of the job
    pub(crate) id: i64,
    /// Print how many sessions are at work on the server of its database, and do nothing else
    #[arg(long)]
    sessions: bool,
}

/// Does what a job says, for the daemon that began it; ends when that does.
pub(crate) fn run(app: &App, args: &JobArgs) -> Result<()> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| end_with_parent(&app.cancel, &over));
        let _over = Over(&over);
        work(app, args)
    })
}

fn work(app: &App, args: &JobArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let id = JobId(args.id);
    if args.sessions {
        return sessions(app, &session, id);
    }
    let job = session.catalog()?.job(id)?.filter(|job| job.state == JobState::Running);
    let job = job
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "no scheduler began such a job").context("job", id))?;
    let found = schedules::of(&session, &job.database, Some(&job.schedule))?;
    let schedule = found.into_iter().next().map(|entry| entry.plan.schedule);
    let schedule = schedule.ok_or_else(|| Error::new(ErrorKind::NotFound, "its schedule is gone"))?;
    app.tries_again.store(job.attempt < schedule.retry.attempts, Ordering::SeqCst);
    give_way(app, &schedule)?;
    carry_out(app, session, &job, &schedule)
}

fn sessions(app: &App, session: &Session, id: JobId) -> Result<()> {
    let gone = || Error::new(ErrorKind::NotFound, "there is no such job").context("job", id);
    let job = session.catalog()?.job(id)?.ok_or_else(gone)?;
    let engine = session.inventory.database(job.database.as_str())?.open()?;
    let sessions = engine.sessions_at_work(&app.control())?;
    app.print_text(&format!("{sessions}\n"))
}

fn carry_out(app: &App, session: Session, job: &Job, schedule: &Schedule) -> Result<()> {
    match schedule.task {
        Task::Backup => {
            let trigger: Trigger = schedule.rhythm().parse()?;
            drop(session);
            let (database, storage) = (&job.database, &schedule.storage);
            backup::run(app, &backup::BackupArgs::scheduled(database, &job.schedule, storage, trigger))
        }
        Task::Verify => {
            drop(session);
            verify::run(app, &verify::VerifyArgs::of(&job.database, &schedule.storage))
        }
        Task::Cleanup => retention::clean_up(app, &session, &job.database, &schedule.storage),
        Task::Sync => {
            drop(session);
            backups::sync_one(app, &job.database, &schedule.storage)
        }
    }
}

/// Says that the work is over, also when it panicked.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Stops this run when the daemon ends, however it does: the other end of the standard input is its own.
fn end_with_parent(cancel: &Cancel, over: &AtomicBool) {
    let stdin = std::io::stdin();
    while !over.load(Ordering::SeqCst) {
        let mut waited = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut waited, Some(&LOOK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // Nothing is ever written there: it was closed.
            _ => return cancel.cancel(),
        }
    }
}
