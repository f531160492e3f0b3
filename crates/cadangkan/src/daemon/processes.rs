use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cadangkan_catalog::{Catalog, Job, JobId, Run, RunFilter, RunStatus};
use cadangkan_core::{Error, ErrorKind, Level, Name, Result};
use cadangkan_ops::lock::DatabaseLock;
use cadangkan_scheduler::{End, Ended, Found, Runner, Sessions, Task};
use rustix::process::{Pid, Signal, kill_process};

use super::sessions::Questions;
use crate::app::{App, initiator_of_job};
use crate::environment::{SECRETS, environment};
use crate::ui;

/// How long a run has to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(60);
/// The longest line of a child's messages.
const LONGEST_LINE: usize = 4096;

/// How long the delivery of notifications may take until it is killed.
const LONGEST_DELIVERY: Duration = Duration::from_secs(180);

/// Runs each job in a process of this program, that ends when this one does.
pub(super) struct Processes<'a> {
    app: &'a App,
    catalog: &'a Catalog,
    locks: PathBuf,
    program: PathBuf,
    children: BTreeMap<JobId, Running>,
    delivery: Option<(Child, Instant)>,
    questions: Questions,
    /// Those that ended without a chance to tell people.
    mute: BTreeSet<JobId>,
    /// The tasks whose runs say all they can.
    talkative: BTreeSet<&'static str>,
}

/// What a run said.
pub(super) struct Line {
    /// What it does.
    pub(super) task: String,
    pub(super) database: Name,
    pub(super) level: Level,
    pub(super) text: String,
}

struct Running {
    task: String,
    database: Name,
    child: Child,
    output: Option<ChildStderr>,
    /// What came of a line that is not whole yet.
    line: Vec<u8>,
    /// What it gave as the reason of its failure.
    error: String,
    asked_to_end: Option<Instant>,
}

impl<'a> Processes<'a> {
    pub(super) fn new(app: &'a App, home: &Path, catalog: &'a Catalog) -> Result<Self> {
        let program =
            std::env::current_exe().map_err(|error| Error::io("cannot tell which program this is", error))?;
        Ok(Processes {
            app,
            catalog,
            locks: home.join("locks"),
            program,
            children: BTreeMap::new(),
            delivery: None,
            questions: Questions::default(),
            mute: BTreeSet::new(),
            talkative: BTreeSet::new(),
        })
    }

    /// Sets which tasks say all they can, from the next run on.
    pub(super) fn tell(&mut self, is_talkative: impl Fn(&str) -> bool) {
        let words = Task::ALL.iter().map(|task| task.as_str());
        self.talkative = words.filter(|task| is_talkative(task)).collect();
    }

    /// What the children write to, to be waited for.
    pub(super) fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.children.values().filter_map(|running| running.output.as_ref().map(AsFd::as_fd))
    }

    /// Tells whether a child closed its output: it ends in a moment.
    pub(super) fn is_ending(&self) -> bool {
        self.children.values().any(|running| running.output.is_none())
    }

    /// Which jobs ended without a chance to tell people, since this was asked last.
    pub(super) fn take_mute(&mut self) -> BTreeSet<JobId> {
        std::mem::take(&mut self.mute)
    }

    /// Delivers notifications that are due, in a process of its own: a channel that hangs holds nothing up. Tells whether one was
    /// started; fails when it cannot be.
    pub(super) fn deliver(&mut self) -> Result<bool> {
        if let Some((child, since)) = &mut self.delivery {
            let is_over = !matches!(child.try_wait(), Ok(None));
            if !is_over && since.elapsed() > LONGEST_DELIVERY {
                // It ended meanwhile when this fails.
                let _ = child.kill();
            }
            if !is_over {
                return Ok(false);
            }
        }
        let mut command = self.command("--quiet");
        command.args(["notify", "deliver"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |error| Error::io("cannot start a process for notifications", error);
        self.delivery = Some((command.spawn().map_err(failed)?, Instant::now()));
        Ok(true)
    }

    /// This program with the same configuration, and with our secrets: they were taken out of the environment.
    fn command(&self, how: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(how);
        if let Some(config) = &self.app.global.config {
            command.arg("--config").arg(config);
        }
        if let Some(profile) = &self.app.global.profile {
            command.arg("--profile").arg(profile);
        }
        command.envs(SECRETS.into_iter().filter_map(|name| Some((name, environment(name)?))));
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        // The runs of years are no part of whatever this one was begun in.
        command.env_remove("TRACEPARENT");
        command
    }

    /// Reads what the children said: whole lines.
    pub(super) fn read(&mut self) -> Vec<Line> {
        let mut said = self.questions.take_said();
        for running in self.children.values_mut() {
            for text in running.read() {
                let (task, database) = (running.task.clone(), running.database.clone());
                said.push(Line { task, database, level: ui::level_of(&text), text });
            }
        }
        said
    }

    /// The run of a job, the newest one that began since the job did.
    fn run_of(&self, job: &Job) -> Result<Option<Run>> {
        let filter =
            RunFilter { database: Some(job.database.clone()), limit: Some(50), ..RunFilter::default() };
        let initiator = initiator_of_job(self.app, job.id);
        let began = |run: &Run| job.started_at.is_none_or(|started| run.started_at >= started);
        Ok(self.catalog.runs(&filter)?.into_iter().find(|run| run.initiator == initiator && began(run)))
    }

    fn ended_with(&self, job: JobId, status: ExitStatus, error: &str) -> Ended {
        let found =
            self.catalog.job(job).and_then(|job| job.as_ref().map_or(Ok(None), |job| self.run_of(job)));
        // Without its record the job still ends as the process did.
        let run = found.ok().flatten();
        let told = run.as_ref().and_then(|run| run.error.as_ref()).map(|error| error.chain.join(": "));
        let reason = told.unwrap_or_else(|| match (error, status.signal()) {
            ("", Some(signal)) => format!("its process was killed by signal {signal}"),
            ("", None) => format!("its process ended with code {}", status.code().unwrap_or(-1)),
            (error, _) => error.to_owned(),
        });
        Ended { job, run: run.map(|run| run.id), end: end(status, reason) }
    }
}

impl Runner for Processes<'_> {
    fn start(&mut self, job: &Job) -> Result<()> {
        let is_talkative = self.talkative.contains(job.task.as_str());
        let mut command = self.command(if is_talkative { "--verbose" } else { "--quiet" });
        command.arg("job").arg(job.id.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let failed = |error| {
            Error::io("cannot start a process for a run", error).context("program", self.program.display())
        };
        self.mute.insert(job.id);
        let mut child = command.spawn().map_err(failed)?;
        self.mute.remove(&job.id);
        let output = child.stderr.take();
        if let Some(output) = &output {
            rustix::io::ioctl_fionbio(output, true).map_err(|error| failed(error.into()))?;
        }
        let (task, database) = (job.task.clone(), job.database.clone());
        let (line, error) = (Vec::new(), String::new());
        self.children
            .insert(job.id, Running { task, database, child, output, line, error, asked_to_end: None });
        Ok(())
    }

    fn find(&mut self, job: &Job) -> Result<Found> {
        let Some(run) = self.run_of(job)? else { return Ok(Found::Gone) };
        let ended = |end| Ok(Found::Ended(Ended { job: job.id, run: Some(run.id), end }));
        let reason = || run.error.as_ref().map_or_else(String::new, |error| error.chain.join(": "));
        match run.status {
            RunStatus::Completed => ended(End::Completed),
            RunStatus::Partial => ended(End::Partial(reason())),
            RunStatus::Running if DatabaseLock::is_held(&self.locks, &job.database)? => Ok(Found::Running),
            RunStatus::Running => Ok(Found::Gone),
            _ => ended(End::Failed { reason: reason(), retry: true }),
        }
    }

    fn ended(&mut self) -> Vec<Ended> {
        let mut over = Vec::new();
        for (id, running) in &mut self.children {
            if running.asked_to_end.is_some_and(|asked| asked.elapsed() > GRACE) {
                // It ended meanwhile when this fails.
                let _ = running.child.kill();
            }
            if let Ok(Some(status)) = running.child.try_wait() {
                running.read();
                over.push((*id, status));
            }
        }
        over.into_iter()
            .filter_map(|(id, status)| {
                let running = self.children.remove(&id)?;
                let was_stopped = status.code() == Some(i32::from(ErrorKind::Cancelled.exit_code()));
                if was_stopped || status.code().is_none() {
                    self.mute.insert(id);
                }
                Some(self.ended_with(id, status, &running.error))
            })
            .collect()
    }

    fn stop(&mut self, job: JobId) {
        let Some(running) = self.children.get_mut(&job) else { return };
        // Asked again it would end at once, and leave behind what it wrote.
        if running.asked_to_end.is_some() {
            return;
        }
        running.asked_to_end = Some(Instant::now());
        // It is not waited for yet, so the number is still its own; when it ended, nothing happens.
        let _ = kill_process(Pid::from_child(&running.child), Signal::TERM);
    }

    fn load(&self) -> Option<f64> {
        std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
    }

    fn sessions(&mut self, job: &Job) -> Sessions {
        let mut command = self.command("--quiet");
        command.arg("job").arg(job.id.to_string()).arg("--sessions");
        self.questions.ask(job, command)
    }
}

impl Running {
    /// Reads what is there; keeps what is no whole line yet.
    fn read(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let Some(output) = &mut self.output else { return lines };
        let mut buffer = [0; 4096];
        let is_over = loop {
            match output.read(&mut buffer) {
                Ok(0) => break true,
                Ok(count) => self.line.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
            }
            while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                lines.push(shown(&line));
            }
            if self.line.len() > LONGEST_LINE {
                lines.push(shown(&std::mem::take(&mut self.line)));
            }
        };
        if is_over {
            self.output = None;
            if !self.line.is_empty() {
                lines.push(shown(&std::mem::take(&mut self.line)));
            }
        }
        lines.retain(|line| !line.is_empty());
        let told = lines.iter().find_map(|line| line.split_once(ui::error::BEGINNING));
        if let Some((_, message)) = told {
            self.error = message.trim().to_owned();
        }
        lines
    }
}

/// A line without what a terminal would act on.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars()
        .filter(|character| !character.is_control())
        .take(LONGEST_LINE)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What an exit code means for the job.
fn end(status: ExitStatus, reason: String) -> End {
    let Some(code) = status.code() else { return End::Failed { reason, retry: true } };
    let kind = ErrorKind::ALL.iter().find(|kind| i32::from(kind.exit_code()) == code);
    match kind {
        _ if code == 0 => End::Completed,
        Some(ErrorKind::Partial) => End::Partial(reason),
        Some(ErrorKind::Locked) => End::Busy,
        Some(ErrorKind::Cancelled) => End::Stopped,
        Some(kind) => End::Failed { reason, retry: is_worth_another_try(*kind) },
        None => End::Failed { reason, retry: true },
    }
}

/// Tells whether what failed may go better without a person who changes something first.
pub(crate) fn is_worth_another_try(kind: ErrorKind) -> bool {
    let of_person = [
        ErrorKind::Usage,
        ErrorKind::Configuration,
        ErrorKind::NotFound,
        ErrorKind::Denied,
        ErrorKind::DamagedSource,
        ErrorKind::Unsupported,
        ErrorKind::WrongKey,
    ];
    !of_person.contains(&kind)
}
