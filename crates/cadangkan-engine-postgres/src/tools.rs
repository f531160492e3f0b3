//! The programs of PostgreSQL that we call: where they are, which version, and how they are run.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result, format_duration};
use cadangkan_pgwire::{Environment as _, SystemEnvironment, Target};

/// A program of some version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its major version: 15.
    pub(crate) major: u32,
    /// Its version as it says it: `15.18`.
    pub(crate) version: String,
}

/// How much of what a program says on stderr is kept.
const MAX_STDERR: u64 = 64 * 1024;

/// What `pg_dump` was doing when it could not lock a table; it says so in English under `LC_ALL=C`, whatever the
/// server's language.
const LOCK: &str = "LOCK TABLE";

/// How long a program may say nothing. It reads all catalogs before it writes the first word, which takes minutes with
/// a million tables. libpq waits without limit for a server that is gone and did not say so.
const SILENCE: Duration = Duration::from_secs(3600);

/// How long a program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the `program` of the server's major version, else the next newer one: in `pg_bin` when it is given, else on
/// PATH and in the folders that packages use.
///
/// An older one would leave out what it does not know of, so it is not taken. A newer one writes what a server of
/// the old version does not take back: settings, options of subscriptions (manual, pg_dump, Notes).
pub(crate) fn find(program: &str, server_major: u32, pg_bin: Option<&Path>) -> Result<Tool> {
    let folders = pg_bin.map_or_else(usual_folders, |folder| vec![folder.to_owned()]);
    let found: Vec<_> = folders.iter().filter_map(|folder| version_of(&folder.join(program))).collect();
    let fitting = found.iter().filter(|tool| tool.major >= server_major).min_by_key(|tool| tool.major);
    let best = fitting.or_else(|| found.iter().max_by_key(|tool| tool.major)).cloned();
    let install = format!(
        "install PostgreSQL's client programs {server_major} or newer (Debian: postgresql-client-{server_major}; Red Hat: postgresql{server_major}; Alpine: postgresql{server_major}-client; Homebrew: libpq), or name their folder with pg_bin"
    );
    match best {
        Some(tool) if tool.major >= server_major => Ok(tool),
        Some(tool) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("{program} {} is older than the server, which is version {server_major}", tool.version),
        )
        .context("path", tool.path.display())
        .hint(install)),
        None => {
            let missing =
                |place| Error::new(ErrorKind::Unsupported, format!("there is no {program} {place}"));
            let error = match pg_bin {
                Some(folder) => {
                    missing("in the folder that pg_bin names").context("pg_bin", folder.display())
                }
                None => missing("on this machine"),
            };
            Err(error.hint(install))
        }
    }
}

/// Makes a command that connects as `target` says, with nothing secret on its command line.
pub(crate) fn command(tool: &Tool, target: &Target) -> Command {
    let mut command = Command::new(&tool.path);
    for (name, value) in target.libpq_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Tells whether a program failed since others had locked a table.
pub(crate) fn is_locked_out(error: &Error) -> bool {
    error.failed_operation() == Some(LOCK)
}

/// A program that runs; its output is read as it comes. Dropped before its end, it is killed.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    /// How many bytes it has said so far.
    said: Arc<AtomicU64>,
    /// How long it may say nothing.
    silence: Duration,
    stdout: Receiver<std::io::Result<Vec<u8>>>,
    stderr: Receiver<std::io::Result<Vec<u8>>>,
}

/// What a program gave.
pub(crate) struct Output {
    /// What it printed, whole.
    pub(crate) stdout: Vec<u8>,
    /// The lines it wrote beside.
    pub(crate) messages: Vec<String>,
}

impl Running {
    /// Starts a program.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| Error::io(format!("cannot start {name}"), error))?;
        let said = Arc::default();
        let stdout = read_all(child.stdout.take(), u64::MAX, &said);
        let stderr = read_all(child.stderr.take(), MAX_STDERR, &said);
        Ok(Running { name, child, said, silence: SILENCE, stdout, stderr })
    }

    /// Waits for the end. Fails when the program failed, with what it said; kills it when the run is cancelled, and
    /// when it says nothing for an hour.
    pub(crate) fn finish(mut self, control: &Control<'_>) -> Result<Output> {
        let stdout = self.wait_for(true, control)?;
        let stderr = self.wait_for(false, control)?;
        let status =
            self.child.wait().map_err(|error| Error::io(format!("cannot wait for {}", self.name), error))?;
        let stderr = String::from_utf8_lossy(&stderr);
        let messages: Vec<String> =
            stderr.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
        if status.success() {
            return Ok(Output { stdout, messages });
        }
        let said = messages.iter().find(|line| line.contains("error:")).or(messages.last()).cloned();
        let said = said.unwrap_or_else(|| status.to_string());
        if let Some(line) = messages.iter().find(|line| line.contains(LOCK)) {
            return Err(Error::new(ErrorKind::Timeout, format!("{} failed: {said}", self.name))
                .context("statement", line.chars().take(1000).collect::<String>())
                .operation(LOCK)
                .hint("another session holds a lock that nobody may read under, or waits for one: wait for it, or raise lock_timeout")
                .retryable());
        }
        Err(Error::new(ErrorKind::Io, format!("{} failed: {said}", self.name))
            .hint("run it by hand with the same user to see more; the server's log may tell why"))
    }

    fn wait_for(&self, stdout: bool, control: &Control<'_>) -> Result<Vec<u8>> {
        let receiver = if stdout { &self.stdout } else { &self.stderr };
        let (mut heard, mut since) = (0, Instant::now());
        loop {
            control.check()?;
            let said = self.said.load(Ordering::Relaxed);
            if said != heard {
                (heard, since) = (said, Instant::now());
            } else if since.elapsed() >= self.silence {
                return Err(self.silent());
            }
            match receiver.recv_timeout(Duration::from_millis(200)) {
                Ok(bytes) => {
                    return bytes
                        .map_err(|error| Error::io(format!("cannot read from {}", self.name), error));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "a thread that reads a program's output died",
                    ));
                }
            }
        }
    }
}

impl Running {
    fn silent(&self) -> Error {
        Error::new(ErrorKind::Timeout, format!("{} says nothing any more", self.name))
            .context("waited", format_duration(self.silence))
            .hint("look whether the server answers, and what its session of cadangkan waits for (pg_stat_activity)")
            .retryable()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Nothing to do about a failure: it is gone then, or the system reaps it with us.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads a pipe to its end in a thread, which ends with the pipe; keeps the first `limit` bytes, and counts all.
fn read_all(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
    count: &Arc<AtomicU64>,
) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    let count = Arc::clone(count);
    let reader = move || {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                let mut pipe = Counted(pipe, &count);
                pipe.by_ref().take(limit).read_to_end(&mut bytes)?;
                std::io::copy(&mut pipe, &mut std::io::sink())?;
            }
            Ok(bytes)
        };
        // Nobody listens any more when the run was given up.
        let _ = sender.send(read());
    };
    // Not in a scope: a program that was killed may leave a child that holds the pipe. When no thread can be started
    // the receiver is told so by the sender that is gone.
    let _ = thread::Builder::new().name("program output".to_owned()).spawn(reader);
    receiver
}

/// Counts what is read.
struct Counted<'a, R>(R, &'a AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Folders that may hold the programs: those on PATH, then those of packages and of building from source.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = SystemEnvironment
        .variable("PATH")
        .map(|path| std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default();
    let parents = [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/opt/homebrew/opt", "libpq", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "libpq", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/usr/local", "pgsql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ];
    let mut more = BTreeSet::new();
    for (parent, begin, end) in parents {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(begin) {
                more.insert(entry.path().join(end));
            }
        }
    }
    folders.extend(more);
    folders
}

/// Asks a program for its version; none when it is not there or does not answer as PostgreSQL's programs do.
fn version_of(path: &Path) -> Option<Tool> {
    if !path.is_file() {
        return None;
    }
    let mut command = Command::new(path);
    command.arg("--version").env("LC_ALL", "C").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let output = read_all(child.stdout.take(), 4096, &Arc::default()).recv_timeout(VERSION_TIMEOUT);
    let began = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && began.elapsed() < Duration::from_secs(1) {
        thread::sleep(Duration::from_millis(5));
    }
    // Gone already in nearly every case.
    let _ = child.kill();
    let _ = child.wait();
    let text = String::from_utf8(output.ok()?.ok()?).ok()?;
    let (major, version) = parse_version(&text)?;
    Some(Tool { path: path.to_owned(), major, version })
}

/// Reads `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 19devel`.
fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    Some((version.get(..digits)?.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests;
