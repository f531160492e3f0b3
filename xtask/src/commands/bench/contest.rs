//! Who is measured, how, and one measurement.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process;

/// Which contest a contender is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Discipline {
    Backup,
    Restore,
}

/// One way to do the work: scripts for `sh` in `$WORK`, with the place's variables and `cadangkan` on their path.
///
/// The first of each discipline is what the others are compared with.
pub(super) struct Contender {
    pub(super) discipline: Discipline,
    pub(super) name: &'static str,
    /// Not measured.
    pub(super) prepare: &'static str,
    pub(super) script: &'static str,
    /// The file or folder it makes, below `$WORK`; scripts know it as `$OUTPUT`.
    pub(super) output: &'static str,
}

/// Where a contest is held.
pub(super) struct Place {
    pub(super) work: PathBuf,
    /// Folders of programs, searched before those of the system.
    pub(super) programs: Vec<PathBuf>,
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// Runs before each measurement, so that all find the same state; `sh`.
    pub(super) settle: &'static str,
    /// Fails when a restore did not give back what there was; `sh`.
    pub(super) verify: &'static str,
    pub(super) server: Option<Server>,
}

/// The server that contenders read and fill, which says how its time on processors is told.
#[derive(Clone, Copy)]
pub(super) enum Server {
    /// A process with a child for each connection; those that ended count.
    Processes(u32),
    /// One process, in which each connection has a thread.
    Threads(u32),
    /// A process and those that it has started, all of which stay.
    Family(u32),
}

impl Server {
    /// Returns the time on processors so far (proc(5): utime and stime, or cutime and cstime).
    fn busy(self) -> Result<Duration> {
        match self {
            Self::Processes(pid) => ticks(pid, 13),
            Self::Threads(pid) => ticks(pid, 11),
            Self::Family(_) => self.members()?.into_iter().map(|pid| ticks(pid, 11)).sum(),
        }
    }

    /// Leaves it one processor of its own, the last one, and this process and what it starts the others: so it is with a
    /// server elsewhere. Does nothing on a machine with a single processor.
    pub(super) fn keep_apart(self) -> Result<()> {
        let last = std::thread::available_parallelism()?.get() - 1;
        if last == 0 {
            return Ok(());
        }
        for pid in self.members()? {
            pin(pid, &last.to_string())?;
        }
        pin(std::process::id(), &format!("0-{}", last - 1))
    }

    /// The process, its children, and theirs.
    fn members(self) -> Result<Vec<u32>> {
        let (Self::Processes(pid) | Self::Threads(pid) | Self::Family(pid)) = self;
        let (mut members, mut next) = (vec![pid], 0);
        while let Some(pid) = members.get(next) {
            let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let listed = listed.context("the server is gone")?;
            members.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            next += 1;
        }
        Ok(members)
    }

    /// Returns the children that are there.
    fn children(self) -> Result<Vec<String>> {
        let Self::Processes(pid) = self else { return Ok(Vec::new()) };
        let listed =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).context("the server is gone")?;
        Ok(listed.split_whitespace().map(str::to_owned).collect())
    }

    /// Waits until those children that are not in `known` have ended, half a minute at most.
    ///
    /// A server's process outlives its client by some milliseconds, and counts only when it is gone.
    fn await_children(self, known: &[String]) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && self.children()?.iter().any(|child| !known.contains(child)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Returns the time on processors of a process; its fields in proc(5) are `first`, in user mode, and the next, in the
/// kernel.
fn ticks(pid: u32, first: usize) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the server is gone")?;
    let (_, fields) = stat.rsplit_once(')').context("no fields in /proc/pid/stat")?;
    let both: Vec<u64> =
        fields.split_whitespace().skip(first).take(2).filter_map(|field| field.parse().ok()).collect();
    let [user, system] = both[..] else { bail!("no times in /proc/pid/stat") };
    // A tick is a hundredth of a second in all of these files.
    Ok(Duration::from_millis((user + system) * 10))
}

/// Lets a process and all of its threads run on these processors only.
fn pin(pid: u32, processors: &str) -> Result<()> {
    process::run_quietly(Command::new("taskset").args(["-acp", processors, &pid.to_string()]))
}

impl Place {
    /// Makes a command that has what contenders have.
    pub(super) fn shell(&self, program: &str, arguments: &[&str]) -> Command {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.programs.iter().cloned().chain(std::env::split_paths(&system));
        let mut command = Command::new(program);
        command.args(arguments).env("PATH", std::env::join_paths(folders).unwrap_or(system.clone()));
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env("WORK", &self.work);
        command.env("HOME", &self.work).current_dir(&self.work).stdout(Stdio::null());
        command
    }

    fn script(&self, contender: &Contender, script: &str) -> Result<()> {
        process::run(self.shell("sh", &["-ec", script]).env("OUTPUT", self.work.join(contender.output)))
    }
}

/// One measurement of a whole process and all it starts.
#[derive(Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) wall: Duration,
    /// The largest resident set of any process, in KiB.
    pub(super) peak_kib: u64,
    /// Time on processors, of all processes.
    pub(super) busy: Duration,
    /// Time on processors that the server spent on it.
    pub(super) server_busy: Duration,
}

/// What a contender did.
pub(super) struct Results {
    pub(super) contender: &'static str,
    pub(super) script: &'static str,
    pub(super) discipline: Discipline,
    pub(super) samples: Vec<Sample>,
    /// 0 for a restore.
    pub(super) output_bytes: u64,
}

/// Lets all contenders run in turn, so that what disturbs the machine disturbs all.
pub(super) fn hold(contenders: &[Contender], place: &Place, runs: usize) -> Result<Vec<Results>> {
    let start = |contender: &Contender| Results {
        contender: contender.name,
        script: contender.script,
        discipline: contender.discipline,
        samples: Vec::new(),
        output_bytes: 0,
    };
    let mut results: Vec<Results> = contenders.iter().map(start).collect();
    for run in 1..=runs {
        for (contender, result) in contenders.iter().zip(&mut results) {
            place
                .script(contender, &format!("{}; sync; {}", contender.prepare, place.settle))
                .with_context(|| format!("cannot prepare {}", contender.name))?;
            let sample = measure(contender, place)?;
            println!("{run}/{runs}  {:32} {:8.2} s", contender.name, sample.wall.as_secs_f64());
            result.samples.push(sample);
            match contender.discipline {
                Discipline::Backup => result.output_bytes = size_of(&place.work.join(contender.output))?,
                Discipline::Restore => place
                    .script(contender, place.verify)
                    .with_context(|| format!("{} did not restore the same", contender.name))?,
            }
        }
    }
    Ok(results)
}

fn measure(contender: &Contender, place: &Place) -> Result<Sample> {
    let usage = place.work.join("usage");
    let mut command = place.shell("time", &["--quiet", "--format", "%M %U %S", "--output"]);
    command.arg(&usage).args(["sh", "-ec", contender.script]);
    let server_before = place.server.map_or(Ok(Duration::ZERO), Server::busy)?;
    let children = place.server.map_or(Ok(Vec::new()), Server::children)?;
    let start = Instant::now();
    process::run(&mut command).with_context(|| contender.name)?;
    let wall = start.elapsed();
    if let Some(server) = place.server {
        server.await_children(&children)?;
    }
    let server_busy = place.server.map_or(Ok(Duration::ZERO), Server::busy)?.saturating_sub(server_before);
    let printed = fs::read_to_string(&usage)?;
    let mut fields = printed.split_whitespace();
    let mut next = || fields.next().with_context(|| format!("`time` printed {printed}"));
    let peak_kib = next()?.parse()?;
    let busy = Duration::from_secs_f64(next()?.parse::<f64>()?) + Duration::from_secs_f64(next()?.parse()?);
    Ok(Sample { wall, peak_kib, busy, server_busy })
}

fn size_of(path: &Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(fs::metadata(path).with_context(|| format!("no {}", path.display()))?.len());
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += size_of(&entry?.path())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_ended_children_counts() {
        let own = Server::Processes(std::process::id());
        let (before, known) = (own.busy().unwrap(), own.children().unwrap());
        let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done";
        assert!(Command::new("sh").args(["-c", burn]).status().unwrap().success());
        own.await_children(&known).unwrap();
        assert!(own.busy().unwrap() > before);
    }

    #[test]
    fn the_time_of_children_that_stay_counts() {
        let mut child =
            Command::new("sh").args(["-c", "sh -c 'while :; do :; done' & wait"]).spawn().unwrap();
        let family = Server::Family(child.id());
        while family.members().unwrap().len() < 2 {
            std::thread::yield_now();
        }
        let busy = || family.busy().unwrap();
        let before = busy();
        while busy() <= before {
            std::thread::yield_now();
        }
        let burning = family.members().unwrap()[1].to_string();
        assert!(Command::new("kill").arg(burning).status().unwrap().success());
        child.wait().unwrap();
    }

    #[test]
    fn the_time_of_threads_counts_while_they_run() {
        let own = Server::Threads(std::process::id());
        let before = own.busy().unwrap();
        std::thread::spawn(move || while own.busy().unwrap() <= before {}).join().unwrap();
        assert!(own.children().unwrap().is_empty());
    }
}
