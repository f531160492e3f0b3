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
        self.of.retain(|_, question| !question.is_forgotten());
        std::mem::take(&mut self.said)
    }

    fn unknown(&mut self, job: &Job, why: &str) -> Sessions {
        let text = format!("how busy its server is cannot be told, so it is not waited for: {why}");
        let (task, database) = (job.task.clone(), job.database.clone());
        self.said.push(Line { task, database, level: Level::Warning, text });
        Sessions::Unknown
    }
}

impl Question {
    /// Whether nobody asks for the answer any more, since the job was cancelled; its process is ended then.
    fn is_forgotten(&mut self) -> bool {
        match self {
            Question::Asked { child, since } => {
                since.elapsed() > 2 * LIMIT && answer(child, *since).is_some()
            }
            Question::Answered { .. } => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_of_which_nobody_wants_the_answer_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let child = ask(command).unwrap();
        let pid = child.id();
        let long_ago =
            |limits: u32| Instant::now().checked_sub(limits * LIMIT + Duration::from_secs(1)).unwrap();
        let name = Name::new("shop").unwrap();
        let mut questions = Questions::default();
        questions.of.insert(name.clone(), Question::Asked { child, since: Instant::now() });
        questions.take_said();
        let Some(Question::Asked { since, .. }) = questions.of.get_mut(&name) else {
            panic!("it is still asked")
        };
        *since = long_ago(2);
        questions.take_said();
        assert!(questions.of.is_empty());
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "its process is left");
    }
}
