//! How other processes of this user speak with the scheduler: a line of JSON each way, over a socket in the home folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::not_running;

/// The longest line.
const MOST: u64 = 1024 * 1024;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one who connected has for a question: all of it is written at once.
const QUESTION: Duration = Duration::from_secs(1);
/// How long those who ask keep the scheduler from its other business.
const AT_MOST: Duration = Duration::from_secs(4);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Question {
    /// Stop what runs of a database, and what waits.
    Cancel {
        /// The database.
        database: String,
    },
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

/// Asks the scheduler of a home folder. Fails with `NotFound` when none runs.
pub(crate) fn ask(home: &Path, question: &Question) -> Result<Value> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => not_running(),
        _ => Error::io("cannot speak with the scheduler", error),
    };
    let mut stream = UnixStream::connect(path(home)).map_err(failed)?;
    let line = serde_json::to_string(question)
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot write a question as JSON").source(error))?;
    let mut answer = String::new();
    patient(&stream)
        .and_then(|()| stream.write_all(format!("{line}\n").as_bytes()))
        .and_then(|()| BufReader::new(&stream).take(MOST).read_line(&mut answer))
        .map_err(failed)?;
    let nonsense = |error| Error::new(ErrorKind::Io, "the scheduler gave no answer").source(error);
    let mut answer: Value = serde_json::from_str(&answer).map_err(nonsense)?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Error::new(ErrorKind::Io, error.to_owned())),
        None => Ok(answer.get_mut("answer").map(Value::take).unwrap_or_default()),
    }
}

/// The socket that is listened on; removed at the end.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens in a home folder. The caller holds its lock, so that what is there was left by a scheduler that was killed.
    pub(super) fn open(home: &Path) -> Result<Self> {
        let path = path(home);
        let failed = |error: std::io::Error| {
            Error::io("cannot listen for other processes", error)
                .context("path", path.display())
                .hint("the path of a socket has at most 107 bytes; a shorter CADANGKAN_HOME helps where it is longer")
        };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let socket = UnixListener::bind(&path).map_err(failed)?;
        // The folder is private as well, so nobody came in between.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Listener { socket, path })
    }

    /// To be waited for.
    pub(super) fn socket(&self) -> &impl AsFd {
        &self.socket
    }

    /// Answers those who wait. Who does not ask properly, or not in time, goes without.
    pub(super) fn answer(&self, mut answer: impl FnMut(Question) -> Result<Answer>) {
        let began = Instant::now();
        while began.elapsed() < AT_MOST {
            let Ok((stream, _)) = self.socket.accept() else { return };
            // Nothing is lost with one who went away meanwhile.
            let _ = converse(&stream, &mut answer);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // One that stays is removed by the next scheduler.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn converse(
    mut stream: &UnixStream,
    answer: &mut impl FnMut(Question) -> Result<Answer>,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    patient(stream)?;
    stream.set_read_timeout(Some(QUESTION))?;
    let mut line = String::new();
    BufReader::new(stream).take(MOST).read_line(&mut line)?;
    let answered = serde_json::from_str::<Question>(&line)
        .map_err(|error| Error::new(ErrorKind::Usage, "not a question of this version").source(error))
        .and_then(answer);
    let value = match answered {
        Ok(Answer(value)) => json!({ "answer": value }),
        Err(error) => json!({ "error": error.chain().join(": ") }),
    };
    stream.write_all(format!("{value}\n").as_bytes())
}

fn patient(stream: &UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn path(home: &Path) -> PathBuf {
    home.join("daemon.sock")
}
