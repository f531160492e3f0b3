use cadangkan_catalog::{Job, JobId};
use cadangkan_core::{Result, RunId};

/// Carries jobs out. The daemon starts a process for each; tests play them.
pub trait Runner {
    /// Begins a job, and returns at once. An error is the end of this attempt.
    fn start(&mut self, job: &Job) -> Result<()>;

    /// Looks for a job that was begun by a daemon which is gone.
    fn find(&mut self, job: &Job) -> Result<Found>;

    /// The jobs that ended since it was asked last.
    fn ended(&mut self) -> Vec<Ended>;

    /// Asks a job to end soon; that it did is told by [`ended`](Runner::ended).
    fn stop(&mut self, job: JobId);

    /// The load of this machine; `None` where that is not known.
    fn load(&self) -> Option<f64>;

    /// How many sessions are at work on the server of a job's database. Returns at once: it is asked again until there is an
    /// answer, which may be half a minute old.
    fn sessions(&mut self, job: &Job) -> Sessions;
}

/// How busy a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// It has not answered yet.
    Asked,
    /// So many sessions are at work on it.
    AtWork(u64),
    /// It cannot be told. That holds nothing up: the run says by itself what is wrong.
    Unknown,
}

/// What there is of a job that was begun by a daemon which is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its process still lives.
    Running,
    /// It came to an end, which nobody heard of.
    Ended(Ended),
    /// It is gone without a word.
    Gone,
}

/// A job that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// The run that it was, when one began.
    pub run: Option<RunId>,
    /// How.
    pub end: End,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It did all of it.
    Completed,
    /// It did some of it, and said what is missing. What was made stands, so that it is not done again.
    Partial(String),
    /// It failed.
    Failed {
        /// Why.
        reason: String,
        /// Whether another try may go better.
        retry: bool,
    },
    /// Another run had the database: it was not tried.
    Busy,
    /// It was stopped, by a person or with the daemon.
    Stopped,
}
