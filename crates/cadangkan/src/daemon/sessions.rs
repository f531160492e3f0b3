use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cadangkan_catalog::Job;
use cadangkan_core::{Level, Name};
use cadangkan_scheduler::Sessions;

use super::processes::{Line, shown};

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(30);
/// How long a server has to answer.
const LIMIT: Duration = Duration::from_secs(20);
/// The most that is read of why it cannot be told.
const LONGEST: usize = 4096;

/// How busy servers are: each is asked by a process of its own, so that one which hangs holds nothing up.
#[derive(Default)]
pub(super) struct Questions {
    of: BTreeMap<Name, Question>,
    /// Why something could not be told.
    said: Vec<Line>,
}

enum Question {
    Asked { child: Child, since: Instant },
    Answered { sessions: Sessions, at: Instant },
}

impl Questions {
    /// What is known of the server of a job's database; asks it where nothing is, by a command that prints the number.
    pub(super) fn ask(&mut self, job: &Job, command: Command) -> Sessions {
        let database = &job.database;
        let sessions = match self.of.get_mut(database) {
            Some(Question::Answered { sessions, at }) if at.elapsed() < FRESH => return *sessions,
            Some(Question::Asked { child, since }) => match answer(child, *since) {
                Some(Ok(sessions)) => Sessions::AtWork(sessions),
                Some(Err(why)) => self.unknown(job, &why),
                None => return Sessions::Asked,
            },
            _ => match ask(command) {
                Ok(child) => {
                    let since = Instant::now();
                    self.of.insert(database.clone(), Question::Asked { child, since });
                    return Sessions::Asked;
                }
                Err(error) => self.unknown(job, &error.to_string()),
            },
        };
        self.of.insert(database.clone(), Question::Answered { sessions, at: Instant::now() });
        sessions
    }

    /// Why something could not be told, since this was asked last.
    pub(super) fn take_said(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.said)
    }

    fn unknown(&mut self, job: &Job, why: &str) -> Sessions {
        let text = format!("how busy its server is cannot be told, so it is not waited for: {why}");
        let (task, database) = (job.task.clone(), job.database.clone());
        self.said.push(Line { task, database, level: Level::Warning, text });
        Sessions::Unknown
    }
}

fn ask(mut command: Command) -> std::io::Result<Child> {
    // It ends when the other end of its standard input is closed: with the daemon.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn()
}

/// The number, or why there is none; nothing while there may be one yet.
fn answer(child: &mut Child, since: Instant) -> Option<Result<u64, String>> {
    match child.try_wait() {
        Ok(Some(status)) => {
            let printed = child.stdout.take().map(read).unwrap_or_default();
            let number = printed.trim().parse().ok().filter(|_| status.success());
            Some(number.ok_or_else(|| {
                let why = child.stderr.take().map(read).unwrap_or_default();
                shown(why.lines().next().unwrap_or_default().as_bytes())
            }))
        }
        Ok(None) if since.elapsed() < LIMIT => None,
        Ok(None) => {
            // It ended meanwhile when this fails.
            let _ = child.kill();
            let _ = child.wait();
            Some(Err(format!("it did not answer within {} s", LIMIT.as_secs())))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

/// What lies there of an output, without waiting for more: another process may have it still.
fn read(mut output: impl Read + std::os::fd::AsFd) -> String {
    let mut bytes = vec![0; LONGEST];
    let count = rustix::io::ioctl_fionbio(&output, true).ok().and_then(|()| output.read(&mut bytes).ok());
    bytes.truncate(count.unwrap_or_default());
    String::from_utf8_lossy(&bytes).into_owned()
}
