//! Traces for OpenTelemetry: a span for each run, one for each of its steps, and one around them for a scheduled job.
//!
//! They are made of what the catalog knows of a run once it is over: no run waits for a collector, and none is forgotten where
//! something goes wrong. Sending is tried once, within a limit of time; whether it works never changes how a run ended.

mod otlp;
mod parent;
mod send;
mod settings;
mod spans;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cadangkan_catalog::{Catalog, JobId, Run, RunFilter, RunStatus};
use cadangkan_core::{Clock as _, Error, Level, Result, Timestamp};
use serde_json::Value;

use crate::app::{App, Session};
use crate::environment::environment;
use crate::ui::count::count;
use send::send_body;
use settings::Exporter;
use spans::Maker;

pub(crate) use settings::{READ_BY_OTHERS, TraceSettings, is_read_by_others, whole_endpoint};

/// How long the end of a run waits for a collector, and how long when a person wants it to stop.
const LIMIT: Duration = Duration::from_secs(5);
const LIMIT_OF_STOPPED: Duration = Duration::from_secs(1);
/// The most runs of one process that are sent.
const MOST_RUNS: u64 = 1000;
/// Under this the catalog counts what could not be sent. No database has a name with a space in it.
const SUBJECT: &str = "the traces";

/// What is traced of this process.
pub(crate) struct Traced {
    home: PathBuf,
    holder: String,
    /// What OpenTelemetry calls the kinds of the databases there are.
    systems: BTreeMap<String, String>,
    exporter: Result<Exporter>,
}

impl Traced {
    /// Looks whether traces are wished, by the configuration or the environment.
    pub(crate) fn of(session: &Session) -> Option<Self> {
        let settings = session.inventory.config().traces.as_ref();
        let exporter = Exporter::of(settings, &environment).transpose()?;
        let databases = session.inventory.databases().iter();
        let systems =
            databases.map(|entry| (entry.name.to_string(), entry.engine.display_name.to_lowercase()));
        Some(Traced {
            home: session.home().to_owned(),
            holder: session.holder().to_owned(),
            systems: systems.collect(),
            exporter,
        })
    }
}

/// Sends what this process did, if anything. Whoever cannot be reached is named, and counted for `status`.
pub(crate) fn send(app: &App, error: Option<&Error>) {
    let Some(traced) = app.traced.get().and_then(Option::as_ref).filter(|_| !app.global.dry_run) else {
        return;
    };
    if let Err(error) = try_to_send(app, traced, error) {
        app.warn(&format!("the trace could not be sent: {error}"));
    }
}

/// How many processes in a row could not send their traces, in words.
pub(crate) fn problem(app: &App, session: &Session) -> Result<String> {
    let failures = unsent(session)?;
    if failures == 0 {
        return Ok(String::new());
    }
    let mark = app.style.bad_mark();
    let times = count(failures, "time");
    Ok(format!("{mark} traces could not be sent, {times} in a row; `cadangkan logs` says why\n"))
}

/// How many that are.
pub(crate) fn unsent(session: &Session) -> Result<u64> {
    match Traced::of(session) {
        Some(_) => session.catalog()?.failures(SUBJECT),
        None => Ok(0),
    }
}

fn try_to_send(app: &App, traced: &Traced, error: Option<&Error>) -> Result<()> {
    let catalog = Catalog::open(&traced.home.join("catalog.db"))?;
    let runs = own_runs(&catalog, &traced.holder, app.begun_at)?;
    if runs.is_empty() && app.job.is_none() {
        return Ok(());
    }
    let limit = if app.cancel.is_cancelled() { LIMIT_OF_STOPPED } else { LIMIT };
    let sent = match &traced.exporter {
        Ok(exporter) => body(app, traced, &catalog, (&runs, app.job), error)
            .and_then(|body| body.map_or(Ok(()), |body| send_body(exporter, &body, limit))),
        Err(error) => Err(Error::new(error.kind(), error.message())),
    };
    match sent {
        Ok(()) if catalog.failures(SUBJECT)? > 0 => catalog.end_failures(SUBJECT).map(drop),
        Ok(()) => Ok(()),
        Err(error) => {
            catalog.count_failure(SUBJECT)?;
            let text = format!("the trace of this run could not be sent: {error}");
            for run in &runs {
                catalog.log(run.id, app.clock.now(), Level::Warning, &text, None)?;
            }
            Err(error)
        }
    }
}

/// The runs of a process that are over, the oldest first. Another process had the same name before it, perhaps.
fn own_runs(catalog: &Catalog, holder: &str, since: Timestamp) -> Result<Vec<Run>> {
    let filter = RunFilter { since: Some(since), limit: Some(MOST_RUNS), ..RunFilter::default() };
    let mut runs = catalog.runs(&filter)?;
    runs.retain(|run| run.holder == holder && run.status != RunStatus::Running);
    runs.reverse();
    Ok(runs)
}

/// What is sent; `None` where whoever began this does not wish to be traced.
fn body(
    app: &App,
    traced: &Traced,
    catalog: &Catalog,
    (runs, job): (&[Run], Option<JobId>),
    error: Option<&Error>,
) -> Result<Option<Value>> {
    let parent = environment("TRACEPARENT").and_then(|text| parent::parse(&text));
    if parent.as_ref().is_some_and(|parent| !parent.is_sampled) {
        return Ok(None);
    }
    let job = job.map(|job| catalog.job(job)).transpose()?.flatten();
    let mut maker = Maker { catalog, systems: &traced.systems, spans: Vec::new() };
    let around = match &job {
        Some(job) => Some(maker.job(job, parent, error, (app.begun_at, app.clock.now()))?),
        None => parent,
    };
    for run in runs {
        maker.run(run, around.as_ref())?;
    }
    let own =
        [("host.name", app.process.host.clone()), ("service.version", env!("CARGO_PKG_VERSION").into())];
    Ok(Some(otlp::request(&otlp::resource(&environment, own), &maker.spans)))
}

#[cfg(test)]
mod tests;
