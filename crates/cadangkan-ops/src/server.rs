//! A whole server: one backup per database, one after the other, all of one moment where the engine can do that.

use cadangkan_catalog::RunKind;
use cadangkan_core::{Control, Error, ErrorKind, Level, Name, Pattern, Result, ResultExt};
use cadangkan_engine::Server;
use serde_json::json;

use crate::around::{AroundRun, Made, around};
use crate::backup::{self, BackupPlan, BackupReport, BackupRequest, backup_from};
use crate::choice::Choice;
use crate::content::Single;
use crate::draft::Draft;
use crate::run::{Outcome, RunDescription, record};
use crate::{Context, Database, Place};

/// What a backup of a server is asked for.
#[derive(Clone, Debug)]
pub struct ServerRequest {
    /// What each backup is asked for.
    pub backup: BackupRequest,
    /// Which databases.
    pub choice: Choice,
    /// Of these databases definitions alone.
    pub schema_only: Vec<Pattern>,
    /// Whether all go into one archive.
    pub combined: bool,
}

impl ServerRequest {
    /// What is asked for of one database.
    pub(crate) fn of(&self, database: &str) -> BackupRequest {
        let mut request = self.backup.clone();
        if self.schema_only.iter().any(|pattern| pattern.matches(database)) {
            let selection = &mut request.dump.selection;
            (selection.schema_only, selection.data_only) = (true, false);
        }
        request
    }
}

/// What was done for each database of a server.
#[derive(Debug)]
pub struct ServerReport<T> {
    /// What went well, in the order in which it was done.
    pub done: Vec<T>,
    /// The databases that failed, and why.
    pub failed: Vec<(String, Error)>,
}

impl<T> ServerReport<T> {
    /// The error that all failures make together: `Partial` when something was done, else of the first one's kind.
    pub fn error(&self) -> Option<Error> {
        let (name, first) = self.failed.first()?;
        let kind = if self.done.is_empty() { first.kind() } else { ErrorKind::Partial };
        let all = self.done.len() + self.failed.len();
        let message = format!("{} of {all} databases failed", self.failed.len());
        let mut error = Error::new(kind, message);
        for (name, failure) in &self.failed {
            error = error.context("failed", format!("{name}: {failure}"));
        }
        let advice = first.advice().unwrap_or("run it again when that is repaired");
        Some(error.hint(format!("{name}: {advice}")))
    }
}

/// Says what a backup of each database would do; as [`backup::plan`] does for one.
pub fn plan(
    context: &Context<'_>,
    name: &Name,
    server: &dyn Server,
    places: &[Place<'_>],
    request: &ServerRequest,
) -> Result<ServerReport<BackupPlan>> {
    let databases = list(context, server, request)?;
    each(context, server, &databases, |database| {
        backup::plan(context, of(name, database), places, &request.of(database.name))
    })
}

/// Backs up every database that is meant at this moment, under the one lock of the configured name.
///
/// One that fails does not stop the others; then a run of its own says so, as the last one. Fails as a whole with
/// `Locked`, `Cancelled`, and when the databases cannot be listed; backups that were made by then stay.
pub fn backup(
    context: &Context<'_>,
    name: &Name,
    server: &dyn Server,
    places: &[Place<'_>],
    request: &ServerRequest,
) -> Result<ServerReport<BackupReport>> {
    let _lock = context.lock(name, request.backup.wait)?;
    let about = AroundRun {
        kind: RunKind::Backup,
        database: name,
        trigger: request.backup.trigger.as_str(),
        id: None,
    };
    let failures = |report: &ServerReport<BackupReport>| {
        report.error().or_else(|| report.done.iter().find_map(BackupReport::error))
    };
    let made =
        |report: &ServerReport<BackupReport>| (report.done.iter().map(Made::of).collect(), failures(report));
    let done = around(context, &about, made, |context| back_up_each(context, name, server, places, request));
    let (report, after) = done.map_or_else(|error| (Err(error), None), |(report, after)| (Ok(report), after));
    let failure = match &report {
        Ok(report) => failures(report).or(after),
        // A list that could not be read would leave no trace; what was stopped has left its own.
        Err(error) if error.kind() != ErrorKind::Cancelled => {
            Some(Error::new(error.kind(), error.to_string()))
        }
        Err(_) => None,
    };
    if let Some(failure) = failure {
        leave_trace(context, name, request, failure);
    }
    report
}

/// Backs the databases up from one view of all, or from one of each.
fn back_up_each(
    context: &Context<'_>,
    name: &Name,
    server: &dyn Server,
    places: &[Place<'_>],
    request: &ServerRequest,
) -> Result<ServerReport<BackupReport>> {
    let control = &context.control;
    control.step("check storages");
    Draft::new(places).check(context, None)?;
    let databases = list(context, server, request)?;
    control.step("begin snapshot");
    let wanted: Vec<_> = databases.iter().map(|name| (name.clone(), request.of(name).dump)).collect();
    let view = server.begin_snapshot(&wanted, control)?;
    let order = view.as_ref().map_or(databases, |view| view.databases());
    each(context, server, &order, |database| {
        let request = &request.of(database.name);
        let begin = |control: &Control<'_>| match &view {
            Some(view) => Ok(Single::of(view.open(database.name, control)?, control)),
            None => Ok(Single::of(database.engine.begin_snapshot(&request.dump, control)?, control)),
        };
        backup_from(context, of(name, database), places, request, &begin)
    })
}

/// One of a server's databases, opened.
struct Opened<'a> {
    name: &'a str,
    engine: Box<dyn cadangkan_engine::Engine>,
}

fn of<'a>(name: &'a Name, opened: &'a Opened<'a>) -> Database<'a> {
    Database { name, engine: opened.engine.as_ref(), one_of: Some(opened.name) }
}

fn list(context: &Context<'_>, server: &dyn Server, request: &ServerRequest) -> Result<Vec<String>> {
    context.control.step("list databases");
    request.choice.choose(server, &context.control)
}

fn each<T>(
    context: &Context<'_>,
    server: &dyn Server,
    databases: &[String],
    mut work: impl FnMut(&Opened<'_>) -> Result<T>,
) -> Result<ServerReport<T>> {
    let control = &context.control;
    let mut report = ServerReport { done: Vec::new(), failed: Vec::new() };
    for (number, name) in databases.iter().enumerate() {
        control.check()?;
        tell_turn(control, number, databases.len(), name);
        match work(&Opened { name, engine: server.database(name) }) {
            Ok(done) => report.done.push(done),
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                return Err(error).context("database", name);
            }
            Err(error) => {
                // Its own run has the error, and the report; this tells who watches.
                tell_failure(control, name, &error);
                report.failed.push((name.clone(), error));
            }
        }
    }
    Ok(report)
}

/// Tells who watches that it is the turn of one database of several.
pub(crate) fn tell_turn(control: &Control<'_>, number: usize, of: usize, name: &str) {
    control.message(Level::Info, &format!("database {} of {of}: {}", number + 1, name.escape_debug()));
}

/// Tells who watches that one database failed, while the others go on.
pub(crate) fn tell_failure(control: &Control<'_>, name: &str, error: &Error) {
    control.message(Level::Info, &format!("database {} failed: {error}", name.escape_debug()));
}

/// Records a run that failed, so that whoever looks at the last run sees it, whichever database came last.
fn leave_trace(context: &Context<'_>, name: &Name, request: &ServerRequest, failure: Error) {
    let description = RunDescription {
        kind: RunKind::Backup,
        database: Some(name),
        trigger: request.backup.trigger.as_str(),
        options: json!({ "databases": "all" }),
    };
    // The failure is told anyway: it comes back with the report.
    let _ = record(context, &description, |_, _| -> Result<Outcome<()>> { Err(failure) });
}
