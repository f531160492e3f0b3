//! All databases of a server in one archive.

use std::time::Duration;

use cadangkan_core::{BackupId, Control, Error, ErrorKind, Name, Result};
use cadangkan_engine::{Engine, Later, Server};

use crate::backup::{BackupPlan, BackupReport, archive_key, backup_from, extension, last_size};
use crate::content::{Combined, Content};
use crate::restore::{RestorePlan, RestoreReport, Safety, Target, restore_locked};
use crate::server::{self, ServerReport, ServerRequest};
use crate::source::Source;
use crate::{Context, Database, Place};

/// Says what a combined backup would take of each database, and which one archive it would make.
pub fn plan(
    context: &Context<'_>,
    name: &Name,
    engine: &dyn Engine,
    places: &[Place<'_>],
    request: &ServerRequest,
) -> Result<ServerReport<BackupPlan>> {
    let (server, database) = whole(name, engine)?;
    let mut report = server::plan(context, name, server, places, request)?;
    let key = archive_key(context, database, &request.backup, BackupId::new(context.control.clock.now()))?;
    let last = last_size(context, database)?;
    let extension = extension(database, &request.backup);
    for plan in &mut report.done {
        plan.name_files(&key, &extension)?;
        plan.last_size_bytes = last;
    }
    Ok(report)
}

/// Backs up every database that is meant at this moment into one archive, under the lock of the configured name.
///
/// One database that fails fails all of it; the error names it. Fails with `Unsupported` where an archive of the engine
/// cannot hold several databases, and as [`crate::backup::backup`] does.
pub fn backup(
    context: &Context<'_>,
    name: &Name,
    engine: &dyn Engine,
    places: &[Place<'_>],
    request: &ServerRequest,
) -> Result<BackupReport> {
    let (server, database) = whole(name, engine)?;
    let _lock = context.lock(name, request.backup.wait)?;
    let selection = |database: &str| request.of(database).dump.selection;
    let begin = |control: &Control<'_>| -> Result<Box<dyn Content + '_>> {
        let databases = request.choice.choose(server, control)?;
        let wanted: Vec<_> = databases.iter().map(|name| (name.clone(), request.of(name).dump)).collect();
        let view = server.begin_snapshot(&wanted, control)?.ok_or_else(|| refused(engine))?;
        Ok(Box::new(Combined::new(view, &selection)))
    };
    backup_from(context, database, places, &request.backup, &begin).map_err(|error| {
        match error.facts().iter().any(|(key, _)| *key == "database") && error.kind() != ErrorKind::Cancelled
        {
            true => error.context("kept", "nothing: one archive holds all databases, or none"),
            false => error,
        }
    })
}

/// One database of a combined backup, with where it goes and what happens there.
pub struct RestorePart<'a> {
    /// Its name in the backup.
    pub name: String,
    /// What of the archive is its own.
    pub source: Source<'a>,
    /// Where it goes.
    pub engine: &'a dyn Engine,
    /// What is done.
    pub plan: RestorePlan,
    /// How its target is backed up first, where the plan says so.
    pub safety: Option<Safety<'a>>,
}

/// Restores several databases out of one archive, one after the other, each as its plan says; then what waited for others
/// of them.
///
/// One that fails does not stop the others, unless it is the server, the disk or a person that stops, or with
/// `stop_at_first`: that fails the call, and the error says what was restored by then.
pub fn restore(
    context: &Context<'_>,
    parts: Vec<RestorePart<'_>>,
    target: Option<&Name>,
    stop_at_first: bool,
    wait: Duration,
) -> Result<ServerReport<RestoreReport>> {
    let control = &context.control;
    let _lock = target.map(|name| context.lock(name, wait)).transpose()?;
    let mut report = ServerReport { done: Vec::new(), failed: Vec::new() };
    let (mut names, mut waiting) = (Vec::new(), Vec::new());
    let all: Vec<_> = parts.iter().map(|part| part.name.clone()).collect();
    for (number, part) in parts.into_iter().enumerate() {
        server::tell_turn(control, number, all.len(), &part.name);
        let target = Target { name: target, engine: part.engine };
        let restored = control
            .check()
            .and_then(|()| restore_locked(context, &part.source, target, &part.plan, part.safety));
        match restored {
            Ok((done, later)) => {
                waiting.extend(later.map(|later| (part.name.clone(), later)));
                names.push(part.name);
                report.done.push(done);
            }
            Err(error) if stop_at_first || stops(&error) => {
                return Err(told(error, &part.name, &names, all.get(number + 1..).unwrap_or_default()));
            }
            Err(error) => {
                server::tell_failure(control, &part.name, &error);
                report.failed.push((part.name, error));
            }
        }
    }
    for (name, error) in make_waiting(waiting, control) {
        if let Some(place) = names.iter().position(|done| *done == name) {
            names.remove(place);
            report.done.remove(place);
        }
        report.failed.push((name, error));
    }
    Ok(report)
}

/// Makes what waited, in rounds as long as one of them gets on; returns the databases of which something is left.
fn make_waiting(mut waiting: Vec<(String, Box<dyn Later>)>, control: &Control<'_>) -> Vec<(String, Error)> {
    loop {
        let before: usize = waiting.iter().map(|(_, later)| later.left()).sum();
        let (mut left, mut failed) = (Vec::new(), Vec::new());
        for (name, mut later) in waiting {
            if let Err(error) = later.make(control) {
                let state = "all rows are those of the backup; views that read other databases are missing";
                failed.push((name.clone(), error.with_kind(ErrorKind::Partial).context("target", state)));
                left.push((name, later));
            }
        }
        let after: usize = left.iter().map(|(_, later)| later.left()).sum();
        if left.is_empty() || after == before {
            return failed;
        }
        waiting = left;
    }
}

/// Tells whether an error would meet the next database too.
fn stops(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Cancelled | ErrorKind::Unreachable | ErrorKind::NoSpace | ErrorKind::Locked
    )
}

fn told(error: Error, failed: &str, done: &[String], not_begun: &[String]) -> Error {
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", "),
    };
    error
        .context("database", failed.escape_debug())
        .context("restored before", list(done))
        .context("not begun", list(not_begun))
}

/// The server, as one thing that is backed up.
fn whole<'a>(name: &'a Name, engine: &'a dyn Engine) -> Result<(&'a dyn Server, Database<'a>)> {
    let server = engine.server().filter(|_| engine.descriptor().capabilities.combined);
    let database = Database { name, engine, one_of: None };
    Ok((server.ok_or_else(|| refused(engine))?, database))
}

fn refused(engine: &dyn Engine) -> Error {
    let message = format!(
        "an archive of {} is a script for one database: its client is told which one from outside",
        engine.descriptor().display_name
    );
    Error::new(ErrorKind::Unsupported, message)
        .hint("leave --combined out: each database gets an archive of its own")
}
