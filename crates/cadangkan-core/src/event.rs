use std::time::Duration;

use crate::Name;

/// What a run tells while it works. Borrowed and cheap: it is made for every frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// A named step of the run begins; the ones before it are over.
    Step {
        /// Short and stable, for example `dump` or `seal manifest`.
        name: &'a str,
    },
    /// How far the present step has come.
    Progress(Progress),
    /// How far each of several storages has come in the present step; what is left out takes no part any more.
    Storages(&'a [StorageProgress<'a>]),
    /// Something a person should read, now or in the run's log.
    Message {
        /// How much it matters.
        level: Level,
        /// One sentence, without secrets.
        text: &'a str,
    },
}

/// How far a step has come; totals are estimates until the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Uncompressed bytes done.
    pub bytes: u64,
    /// Uncompressed bytes to do, when known.
    pub total_bytes: Option<u64>,
    /// Objects done.
    pub objects: u64,
    /// Objects to do, when known.
    pub total_objects: Option<u64>,
}

/// How far one of several storages has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageProgress<'a> {
    /// Its name.
    pub storage: &'a Name,
    /// Stored bytes that it has taken or given back.
    pub bytes: u64,
    /// How long it worked on that.
    pub took: Duration,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Only shown with `--verbose`.
    Debug,
    /// The normal course of a run.
    Info,
    /// Worth a look; the result still stands.
    Warning,
    /// The reason of a failure.
    Error,
}

/// Receives the events of a run, from any of its threads.
///
/// An implementation returns at once and never fails: a run does not wait for whoever watches it.
pub trait Reporter: Send + Sync {
    /// Takes one event.
    fn report(&self, event: &Event<'_>);
}

/// A reporter that nobody listens to.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReporter;

impl Reporter for NoReporter {
    fn report(&self, _event: &Event<'_>) {}
}
