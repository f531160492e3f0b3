//! The scheduler at work: one process that looks at the clock, and a process of this program for each run.
//!
//! It is one loop without threads: it waits for the clock, for its children, for the control socket and for signals, whatever
//! comes first. What it decides is in the catalog before it is done (`cadangkan-scheduler`), so it may be killed at any time.

pub(crate) mod control;
mod file;
mod levels;
mod load;
mod lock;
mod log;
mod processes;
mod sessions;
mod tell;
mod web;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cadangkan_catalog::Catalog;
use cadangkan_core::{Clock, Error, ErrorKind, Level, Name, Result, Timestamp};
use cadangkan_notify::Event;
use cadangkan_scheduler::Scheduler;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use self::control::{Answer, Listener, Question};
use self::load::{Loaded, Seen, load};
use self::log::Log;
use self::processes::{Line, Processes};
use self::web::{Page, Web};
use crate::app::{App, CatalogNeed};
use crate::metrics;

pub(crate) use levels::{CATEGORIES, Levels, level};
pub(crate) use lock::is_running;
pub(crate) use processes::is_worth_another_try;

/// How often it looks at signals, files and children whatever else happens.
const LOOK: Duration = Duration::from_secs(1);
/// How soon it looks again at a child that closed its output and has not ended.
const SOON: Duration = Duration::from_millis(20);
/// How long runs have to end when the daemon does; what is left then is killed.
const LAST_WAIT: Duration = Duration::from_secs(90);
/// How long it goes on while the catalog cannot be used.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long what became of runs is kept.
const HISTORY: jiff::SignedDuration = jiff::SignedDuration::from_hours(400 * 24);
/// How often older history is removed.
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Runs what is scheduled until a signal ends it.
pub(crate) fn run(app: &App, home: &Path) -> Result<()> {
    let _lock = lock::take(app, home)?;
    let reload = reload_on_hangup()?;
    let catalog = Catalog::open(&home.join("catalog.db"))?;
    let listener = Listener::open(home)?;
    let now = app.clock.now();
    let owner = format!("pid {} on {} since {now}", app.process.pid, app.process.host);
    let seen = Seen::now(app, &catalog)?;
    let Loaded { plans, limits, listen, logs } = load(app)?;
    let mut log = Log::open(app, home, &logs)?;
    let count = plans.len().to_string();
    let mut daemon = Daemon {
        app,
        catalog: &catalog,
        scheduler: Scheduler::new(&catalog, owner, limits, now)?,
        processes: Processes::new(app, home, &catalog)?,
        web: listen.map(Web::open).transpose()?,
        untold: Vec::new(),
        failing_since: None,
        pruned: None,
        seen,
    };
    let notes = daemon.scheduler.load(plans, now)?;
    log.say(now, Level::Info, "application", "the scheduler runs", &[("schedules", count)]);
    notes.iter().for_each(|note| log.note(now, note));
    sd_notify::notify(&[sd_notify::NotifyState::Ready])
        .map_err(|error| Error::io("cannot tell systemd", error))?;
    let ended = daemon.go_on(&mut log, &listener, &reload);
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let last = daemon.wind_up(&mut log);
    ended.and(last)
}

struct Daemon<'a> {
    app: &'a App,
    catalog: &'a Catalog,
    scheduler: Scheduler<'a>,
    processes: Processes<'a>,
    /// Where monitoring asks, when that is configured.
    web: Option<Web>,
    /// What people are to be told, and the catalog has not taken yet.
    untold: Vec<Event>,
    /// Since when the catalog cannot be used.
    failing_since: Option<Instant>,
    /// When old history was removed last.
    pruned: Option<Instant>,
    /// What there was to be read when the configuration was read last.
    seen: Seen,
}

impl Daemon<'_> {
    /// Works until a signal comes, or the catalog cannot be used for long.
    fn go_on(&mut self, log: &mut Log, listener: &Listener, reload: &AtomicBool) -> Result<()> {
        while !self.app.cancel.is_cancelled() {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            let now = self.app.clock.now();
            let asked = reload.swap(false, Ordering::SeqCst);
            let worked =
                self.reload(log, asked).and_then(|()| self.prune(now)).and_then(|()| self.tick(log, now));
            let wake = match worked {
                Ok(wake) => {
                    self.failing_since = None;
                    wake
                }
                Err(error) => {
                    let since = *self.failing_since.get_or_insert_with(Instant::now);
                    log.say(now, Level::Error, "application", &error.chain().join(": "), &[]);
                    if since.elapsed() > PATIENCE {
                        return Err(error);
                    }
                    LOOK
                }
            };
            self.wait(log, listener, wake)?;
        }
        Ok(())
    }

    /// Removes what is older than history is kept, once a day.
    fn prune(&mut self, now: Timestamp) -> Result<()> {
        if self.pruned.is_some_and(|pruned| pruned.elapsed() <= PRUNE_EVERY) {
            return Ok(());
        }
        if let Ok(before) = now.checked_sub(HISTORY) {
            self.catalog.prune_jobs(before)?;
        }
        self.pruned = Some(Instant::now());
        Ok(())
    }

    fn tick(&mut self, log: &mut Log, now: Timestamp) -> Result<Duration> {
        self.processes.tell(|task| log.least(task) < Level::Info);
        let tick = self.scheduler.tick(now, &mut self.processes)?;
        tick.notes.iter().for_each(|note| log.note(now, note));
        let mute = self.processes.take_mute();
        self.untold.extend(tick.notes.iter().filter_map(|note| tell::event(self.app, note, &mute, now)));
        tell::keep(self.app, &mut self.untold, now)?;
        if self.catalog.next_notification()?.is_some_and(|due| due <= now) && self.processes.deliver()? {
            log.say(now, Level::Debug, "notifications", "what is due is delivered", &[]);
        }
        let until = tick.wake.duration_since(self.app.clock.now());
        Ok(Duration::try_from(until).unwrap_or(Duration::ZERO).min(LOOK))
    }

    /// Takes up what changed in the configuration. A file with a mistake changes nothing, and is told.
    fn reload(&mut self, log: &mut Log, asked: bool) -> Result<()> {
        let seen = Seen::now(self.app, self.catalog)?;
        if seen == self.seen && !asked {
            return Ok(());
        }
        let now = self.app.clock.now();
        match load(self.app) {
            Ok(Loaded { plans, limits, listen, logs }) => {
                log.configure(self.app, &logs)?;
                self.listen(log, now, listen);
                let count = plans.len().to_string();
                let notes = self.scheduler.load(plans, now)?;
                self.scheduler.limit(limits);
                log.say(
                    now,
                    Level::Info,
                    "application",
                    "the configuration was taken up",
                    &[("schedules", count)],
                );
                notes.iter().for_each(|note| log.note(now, note));
            }
            Err(error) => {
                let text = format!("the configuration stays as it was: {}", error.chain().join(": "));
                log.say(now, Level::Error, "application", &text, &[]);
            }
        }
        // Only now: what the catalog could not take is read again.
        self.seen = seen;
        Ok(())
    }

    /// Lets monitoring ask at another address, where it is one. Where that fails it goes on at the one before.
    fn listen(&mut self, log: &mut Log, now: Timestamp, address: Option<SocketAddr>) {
        let before = self.web.as_ref().map(|web| web.address);
        if before == address {
            return;
        }
        // The two may be in each other's way.
        self.web = None;
        match address.map(Web::open).transpose() {
            Ok(web) => self.web = web,
            Err(error) => {
                log.say(now, Level::Error, "http", &error.chain().join(": "), &[]);
                self.web = before.and_then(|before| Web::open(before).ok());
            }
        }
    }

    /// Waits until something happens, at most so long; answers who asks.
    fn wait(&mut self, log: &mut Log, listener: &Listener, most: Duration) -> Result<()> {
        let most = if self.processes.is_ending() { most.min(SOON) } else { most };
        let (is_asked, is_watched) = {
            let mut fds = vec![PollFd::new(listener.socket(), PollFlags::IN)];
            fds.extend(self.web.iter().map(|web| PollFd::new(web.socket(), PollFlags::IN)));
            fds.extend(
                self.processes.outputs().map(|output| PollFd::from_borrowed_fd(output, PollFlags::IN)),
            );
            let timeout = Timespec {
                tv_sec: most.as_secs().try_into().unwrap_or(1),
                tv_nsec: most.subsec_nanos().into(),
            };
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) => {}
                // A signal: the loop looks at it.
                Err(rustix::io::Errno::INTR) => return Ok(()),
                Err(error) => return Err(Error::io("cannot wait", error.into())),
            }
            let is_ready = |place: usize| fds.get(place).is_some_and(|fd| !fd.revents().is_empty());
            (is_ready(0), self.web.is_some() && is_ready(1))
        };
        let now = self.app.clock.now();
        for Line { task, database, level, text } in self.processes.read() {
            log.say(now, level, &task, &text, &[("database", database.to_string())]);
        }
        if is_asked {
            listener.answer(|question| self.answer(log, question));
        }
        if let Some(web) = self.web.as_ref().filter(|_| is_watched) {
            web.answer(|path| {
                let page = self.page(path);
                let status = page.as_ref().map_or(404, |page| page.status);
                let facts = [("path", path.to_owned()), ("status", status.to_string())];
                log.say(now, Level::Debug, "http", "somebody asked", &facts);
                page
            });
        }
        Ok(())
    }

    /// What monitoring sees.
    fn page(&self, path: &str) -> Option<Page> {
        let (status, text) = match path {
            "/livez" => (200, "ok\n".to_owned()),
            "/readyz" if self.failing_since.is_some() => (503, "the catalog cannot be used\n".to_owned()),
            "/readyz" => (200, "ok\n".to_owned()),
            "/metrics" => match self.metrics() {
                Ok(text) => (200, text),
                Err(error) => (503, error.chain().join(": ") + "\n"),
            },
            _ => return None,
        };
        Some(Page { status, text })
    }

    fn metrics(&self) -> Result<String> {
        metrics::current(self.app, &self.app.session(CatalogNeed::Required)?)
    }

    fn answer(&mut self, log: &mut Log, question: Question) -> Result<Answer> {
        match question {
            Question::Cancel { database } => {
                let name = Name::new(&database)?;
                let now = self.app.clock.now();
                let (count, notes) = self.scheduler.cancel(&name, now, &mut self.processes)?;
                let text = format!("a person cancels what runs of {name}");
                log.say(now, Level::Warning, "scheduler", &text, &[("jobs", count.to_string())]);
                notes.iter().for_each(|note| log.note(now, note));
                Ok(Answer(json!({ "cancelled": count })))
            }
        }
    }

    /// Asks all runs to end, and waits for it; the next daemon goes on with what was cut short.
    fn wind_up(&mut self, log: &mut Log) -> Result<()> {
        self.scheduler.shut_down(&mut self.processes);
        let began = Instant::now();
        let running = self.scheduler.running();
        let now = self.app.clock.now();
        log.say(now, Level::Info, "application", "the scheduler ends", &[("running", running.to_string())]);
        while self.scheduler.running() > 0 && began.elapsed() < LAST_WAIT {
            std::thread::sleep(SOON);
            self.processes.read();
            self.tick(log, self.app.clock.now())?;
        }
        Ok(())
    }
}

/// SIGHUP asks for the configuration to be read again.
fn reload_on_hangup() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, flag.clone())
        .map_err(|error| Error::io("cannot listen for signals", error))?;
    Ok(flag)
}

/// Says that nothing can be asked of a scheduler that does not run.
pub(crate) fn not_running() -> Error {
    Error::new(ErrorKind::NotFound, "the scheduler does not run").hint("start it with `cadangkan daemon`")
}
