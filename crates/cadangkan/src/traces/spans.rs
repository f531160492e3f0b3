use std::collections::BTreeMap;

use cadangkan_catalog::{BackupFilter, BackupRecord, Catalog, Job, LogLine, Run, RunStatus};
use cadangkan_core::{Error, ErrorKind, Level, Name, Result, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};

use super::parent::Parent;

/// The most steps and messages of one run that are sent.
const MOST_LINES: usize = 2000;
/// How many copies of backups are looked at: a server may have many databases.
const MOST_COPIES: u64 = 2000;

/// Something that was done, from its begin to its end.
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) name: String,
    pub(super) begun_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) messages: Vec<Message>,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
}

/// What was said meanwhile, and should be looked at.
pub(super) struct Message {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    pub(super) text: String,
}

/// Makes spans of what the catalog knows.
pub(super) struct Maker<'a> {
    pub(super) catalog: &'a Catalog,
    /// What kind of database each is.
    pub(super) systems: &'a BTreeMap<String, String>,
    pub(super) spans: Vec<Span>,
}

impl Maker<'_> {
    /// Adds what this process does for the scheduler; returns what its runs belong to.
    pub(super) fn job(
        &mut self,
        job: &Job,
        parent: Option<Parent>,
        error: Option<&Error>,
        (begun_at, ended_at): (Timestamp, Timestamp),
    ) -> Result<Parent> {
        let own = begin(parent.as_ref())?;
        let attributes = vec![
            ("cadangkan.database", json!(job.database)),
            ("cadangkan.job.id", json!(job.id.0)),
            ("cadangkan.job.task", json!(job.task)),
            ("cadangkan.job.schedule", json!(job.schedule)),
            ("cadangkan.job.due_at", json!(job.due_at)),
            ("cadangkan.job.attempt", json!(job.attempt)),
        ];
        self.spans.push(Span {
            trace: own.trace.clone(),
            id: own.span.clone(),
            parent: parent.map(|parent| parent.span),
            name: format!("job {} {}", job.task, job.database),
            begun_at,
            ended_at: ended_at.max(begun_at),
            attributes,
            messages: Vec::new(),
            failure: error.filter(|error| error.kind() != ErrorKind::Cancelled).map(ToString::to_string),
        });
        Ok(own)
    }

    /// Adds a run and its steps.
    pub(super) fn run(&mut self, run: &Run, parent: Option<&Parent>) -> Result<()> {
        let own = begin(parent)?;
        // The clock may have been set back meanwhile.
        let ended_at = run.finished_at.unwrap_or(run.started_at).max(run.started_at);
        let mut log = self.catalog.run_log(run.id)?;
        log.truncate(MOST_LINES);
        let of = run.database.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        let is_worth_it = |line: &&LogLine| line.level >= Level::Warning;
        let message = |line: &LogLine| Message {
            at: line.at.clamp(run.started_at, ended_at),
            level: line.level,
            text: line.message.clone(),
        };
        let failed = matches!(run.status, RunStatus::Failed | RunStatus::Partial);
        let why = || run.error.as_ref().map_or_else(String::new, |error| error.message.clone());
        self.spans.push(Span {
            trace: own.trace.clone(),
            id: own.span.clone(),
            parent: parent.map(|parent| parent.span.clone()),
            name: format!("{}{of}", run.kind),
            begun_at: run.started_at,
            ended_at,
            attributes: self.attributes(run)?,
            messages: log.iter().filter(is_worth_it).map(message).collect(),
            failure: failed.then(why),
        });
        let steps: Vec<&LogLine> = log.iter().filter(|line| line.is_step()).collect();
        let mut begun_at = run.started_at;
        for (number, step) in steps.iter().enumerate() {
            begun_at = step.at.clamp(begun_at, ended_at);
            let next = steps.get(number + 1).map_or(ended_at, |next| next.at.clamp(begun_at, ended_at));
            self.spans.push(Span {
                trace: own.trace.clone(),
                id: random::<8>()?,
                parent: Some(own.span.clone()),
                name: step.message.clone(),
                begun_at,
                ended_at: next,
                attributes: Vec::new(),
                messages: Vec::new(),
                // It is the last one that a run did not come to the end of.
                failure: (run.status == RunStatus::Failed && number + 1 == steps.len()).then(why),
            });
        }
        Ok(())
    }

    fn attributes(&self, run: &Run) -> Result<Vec<(&'static str, Value)>> {
        let mut attributes = vec![
            ("cadangkan.run.id", json!(run.id.0)),
            ("cadangkan.run.kind", json!(run.kind.as_str())),
            ("cadangkan.run.status", json!(run.status.as_str())),
            ("cadangkan.run.trigger", json!(run.trigger)),
        ];
        if let Some(database) = &run.database {
            attributes.push(("cadangkan.database", json!(database)));
            let system = self.systems.get(database);
            attributes.extend(system.map(|system| ("db.system.name", json!(system))));
        }
        let progress = run.progress.as_ref().filter(|progress| progress.bytes > 0);
        attributes.extend(progress.map(|progress| ("cadangkan.run.bytes", json!(progress.bytes))));
        attributes.extend(run.error.as_ref().map(|error| ("error.type", json!(error.code))));
        let copies = self.copies(run)?;
        attributes.extend(run.backup_id.map(|id| ("cadangkan.backup.id", json!(id.to_string()))));
        if let Some(first) = copies.first() {
            let mut storages: Vec<&Name> = copies.iter().map(|copy| &copy.storage).collect();
            storages.sort_unstable();
            storages.dedup();
            attributes
                .push(("db.namespace", json!(first.original.as_deref().unwrap_or(first.database.as_str()))));
            attributes.push(("cadangkan.backup.storages", json!(storages)));
            attributes.push(("cadangkan.backup.size_bytes", json!(first.size_bytes)));
            attributes.push(("cadangkan.backup.raw_bytes", json!(first.raw_bytes)));
        }
        Ok(attributes)
    }

    /// The copies of the backup that a run made or used.
    fn copies(&self, run: &Run) -> Result<Vec<BackupRecord>> {
        let database = run.database.as_deref().and_then(|name| Name::new(name).ok());
        let (Some(id), Some(_)) = (run.backup_id, &database) else { return Ok(Vec::new()) };
        let filter =
            BackupFilter { database, descending: true, limit: Some(MOST_COPIES), ..BackupFilter::default() };
        let mut copies = self.catalog.backups(&filter)?;
        copies.retain(|copy| copy.id == id);
        Ok(copies)
    }
}

/// A new span, in the trace of another or in one of its own.
fn begin(parent: Option<&Parent>) -> Result<Parent> {
    let trace = match parent {
        Some(parent) => parent.trace.clone(),
        None => random::<16>()?,
    };
    Ok(Parent { trace, span: random::<8>()?, is_sampled: true })
}

/// Random bytes as digits.
fn random<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
