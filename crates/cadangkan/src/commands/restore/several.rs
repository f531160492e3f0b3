//! A combined backup: one of its databases, or several of them, one after the other.

use std::time::Duration;

use cadangkan_core::{Clock, Error, ErrorKind, Result, ResultExt, format_bytes, format_duration};
use cadangkan_engine::{Engine, LoadMode};
use cadangkan_ops::Context;
use cadangkan_ops::combined::{RestorePart, restore};
use cadangkan_ops::restore::{RestorePlan, RestoreReport, Target, read_through};
use cadangkan_ops::server::ServerReport;
use cadangkan_ops::source::Source;
use serde_json::json;

use super::target::{OpenTarget, is_at};
use super::text::{danger, plan_text};
use super::{RestoreArgs, advise, bring, ended, plan_wish, refuse_part, safety};
use crate::app::{App, Session};
use crate::commands::{backup, failures};
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::escape;
use crate::ui::table::{Align, Table};
use crate::ui::time::{format_age, format_time};

/// What is restored.
pub(super) enum Meant<'a> {
    /// One database: all of the backup, or what a combined one has of it.
    One(Source<'a>),
    /// Several of a combined backup.
    Several(Source<'a>),
}

/// Says what of a backup is meant.
pub(super) fn meant<'a>(source: Source<'a>, args: &RestoreArgs) -> Result<Meant<'a>> {
    let combined = !source.databases().is_empty();
    match &args.one_of {
        Some(name) if combined => source.of_database(name).map(Meant::One),
        Some(name) if args.from.is_some() && source.manifest().is_some_and(|manifest| !manifest.holds(name)) => {
            Err(Error::new(ErrorKind::Usage, "that backup is of another database")
                .context("database", escape(name))
                .hint("leave one of --from and --database out; `cadangkan backups list` shows which backup is of which"))
        }
        None if combined => Ok(Meant::Several(source)),
        _ if !args.databases.is_empty() => {
            Err(Error::new(ErrorKind::Usage, "the backup holds one database, not several")
                .hint("leave --databases out"))
        }
        _ => Ok(Meant::One(source)),
    }
}

/// Restores several databases out of a combined backup.
pub(super) fn run(
    app: &App,
    session: &Session,
    context: &Context<'_>,
    mut source: Source<'_>,
    args: &RestoreArgs,
) -> Result<()> {
    warn_of_newer(app, context, &source, args)?;
    let names = chosen(&source, args)?;
    if args.selection.selection().is_of_tables() {
        return Err(Error::new(ErrorKind::Usage, "tables are restored out of one database")
            .hint("name it with --database"));
    }
    let (entry, whole) = target(app, session, args, &names)?;
    let server = whole.server().ok_or_else(no_server)?;
    let concerned: Vec<_> = args.database.iter().chain(entry.map(|entry| &entry.name)).collect();
    let ticket = args.ticket.of(app, session, &concerned)?;
    let context = &Context { ticket: ticket.as_ref(), ..*context };
    let (safety_places, safety_list);
    let open = |name: &String| {
        let engine = server.database(name);
        OpenTarget { entry, one_of: Some(name.clone()), engine }
    };
    let opens: Vec<_> = names.iter().map(open).collect();
    let plan = |open| plan_part(app, context, &source, args, open, &names);
    let mut parts = opens.iter().map(plan).collect::<Result<Vec<_>>>()?;
    if app.global.dry_run {
        context.control.step("read the archive");
        parts.iter().try_for_each(|part| {
            read_through(context, &part.source).context("database", part.name.escape_debug())
        })?;
        app.finish_progress();
        let plans: Vec<_> = parts.iter().map(|part| &part.plan).collect();
        return app.print(&json!({ "databases": plans }), || {
            let plans = plans.iter().map(|plan| plan_text(app, session, plan));
            plans.collect::<Vec<_>>().join("\n")
                + "\nThis was a dry run: what the archive has of these databases was read and is whole; nothing was changed.\n"
        });
    }
    confirm(app, session, entry, &parts)?;
    if let Some(entry) = entry.filter(|_| parts.iter().any(|part| part.plan.backup_first)) {
        safety_places = session.places_at_once(entry, &[])?;
        safety_list = safety_places.list();
        for (part, open) in parts.iter_mut().zip(&opens).filter(|(part, _)| part.plan.backup_first) {
            part.safety = safety(session, open, Some(&safety_list))?;
        }
    }
    // A place in a history is that of all databases, so none may be missing.
    let stop_at_first = args.how.gtid_purged;
    let nearby = args.nearby(session)?;
    bring(context, nearby.as_ref(), &mut source, args.databases.is_empty())?;
    parts.iter_mut().for_each(|part| part.source.read_as(&source));
    let restored = restore(context, parts, entry.map(|entry| &entry.name), stop_at_first, args.wait);
    let report = ended(nearby.as_ref(), &source, restored).map_err(|error| advise(args, error))?;
    app.finish_progress();
    let value = json!({ "databases": report.done, "failed": failures(&report.failed) });
    app.print(&value, || report_text(app, &report))?;
    report.error().map_or(Ok(()), Err)
}

/// The databases that are meant, in the order of the archive.
fn chosen(source: &Source<'_>, args: &RestoreArgs) -> Result<Vec<String>> {
    let all = source.databases();
    let names = |name: &&&str| {
        args.databases.is_empty() || args.databases.iter().any(|pattern| pattern.matches(name))
    };
    let unknown = |pattern: &&cadangkan_core::Pattern| !all.iter().any(|name| pattern.matches(name));
    if let Some(pattern) = args.databases.iter().find(unknown) {
        return Err(Error::new(ErrorKind::NotFound, "the backup has no such database")
            .context("database", escape(&pattern.0))
            .hint("`cadangkan backups info` lists what a backup has"));
    }
    Ok(all.iter().filter(names).map(|name| (*name).to_owned()).collect())
}

/// Opens the server that they go to, with its entry where it is configured.
fn target<'a>(
    app: &App,
    session: &'a Session,
    args: &RestoreArgs,
    names: &[String],
) -> Result<(Option<&'a DatabaseEntry>, Box<dyn Engine>)> {
    let entries = || session.inventory.databases().iter();
    let entry = match (&args.to, &args.database) {
        (Some(to), _) => entries().find(|entry| entry.name.as_str() == to.as_str()),
        (None, Some(name)) => Some(session.inventory.database(name.as_str())?),
        (None, None) => {
            return Err(Error::new(ErrorKind::Usage, "it is not said where the file is restored to")
                .hint("name a server with --to, or one of the databases with --database"));
        }
    };
    if let Some(entry) = entry {
        return Ok((Some(entry), entry.open()?));
    }
    let Some(to) = args.to.as_ref().filter(|to| registry::parse_url(to.as_str()).is_some()) else {
        return Err(no_server());
    };
    let (engine, mut settings) = backup::open_url(app, to)?;
    let descriptor = engine.descriptor();
    if !descriptor.capabilities.many_databases || !engine.location().database.is_empty() {
        return Err(no_server());
    }
    if let Some(settings) = settings.as_object_mut() {
        settings.insert("databases".to_owned(), json!("*"));
    }
    let whole = (descriptor.open)(&settings).map_err(|error| Error::new(ErrorKind::Usage, error.message))?;
    // The URL of a configured server is that server: it has its lock and its questions.
    let is_on = |entry: &&DatabaseEntry| {
        let server = whole.server();
        let mut locations = names.iter().filter_map(|name| Some(server?.database(name).location()));
        locations.any(|location| is_at(entry, &location).is_some())
    };
    Ok((entries().find(is_on), whole))
}

fn no_server() -> Error {
    Error::new(ErrorKind::Usage, "several databases are restored to a server")
        .hint("name a configured one, or its URL without a database, with --to; or one of the databases with --database")
}

/// Plans one database.
fn plan_part<'a>(
    app: &App,
    context: &Context<'_>,
    source: &Source<'a>,
    args: &RestoreArgs,
    open: &'a OpenTarget<'_>,
    together: &[String],
) -> Result<RestorePart<'a>> {
    let name = open.one_of.clone().unwrap_or_default();
    let plan = || {
        let source = source.of_database(&name)?;
        let target = Target { name: open.entry.map(|entry| &entry.name), engine: open.engine.as_ref() };
        let plan = plan_wish(app, context, &source, target, args, open, together)?;
        refuse_part(args, &source, open, &plan)?;
        Ok((source, plan))
    };
    let (source, plan) = plan().context("database", name.escape_debug())?;
    Ok(RestorePart { name, source, engine: open.engine.as_ref(), plan, safety: None })
}

/// Shows what will be done, and asks where something is replaced.
fn confirm(
    app: &App,
    session: &Session,
    entry: Option<&DatabaseEntry>,
    parts: &[RestorePart<'_>],
) -> Result<()> {
    let mut destructive = parts.iter().map(|part| &part.plan).filter(|plan| plan.load.destructive);
    let worst = destructive.clone().find(|plan| plan.mode == LoadMode::Recreate);
    let Some(first) = worst.or_else(|| destructive.next()) else { return Ok(()) };
    let mut table = Table::new([
        ("database", Align::Left),
        ("tables", Align::Right),
        ("target", Align::Left),
        ("present", Align::Left),
        ("mode", Align::Left),
    ]);
    for part in parts {
        let tables = part.plan.backup.as_ref().map(|backup| backup.tables_count.to_string());
        table.row([
            part.name.clone().into(),
            tables.unwrap_or_default().into(),
            part.plan.target.clone().into(),
            part.plan.load.present.clone().unwrap_or_else(|| "nothing".to_owned()).into(),
            part.plan.mode.as_str().into(),
        ]);
    }
    let mark = app.message_style.warning_mark();
    let mut about = format!(
        "{mark} {}\n\n{}\n{}",
        danger(first.mode),
        about_backup(app, session, first),
        table.render(app.message_style)
    );
    for part in parts {
        let of = |text: &String| format!("{mark} {}: {}\n", escape(&part.name), escape(text));
        about.extend(part.plan.load.warnings.iter().map(of));
    }
    match entry.filter(|entry| entry.options.production) {
        Some(entry) => {
            app.confirm_name(about.trim_end(), "This is a production database.", entry.name.as_str())
        }
        None => app.confirm(about.trim_end(), "Continue?"),
    }
}

/// Which backup it is, and how old.
fn about_backup(app: &App, session: &Session, plan: &RestorePlan) -> String {
    let Some(backup) = &plan.backup else { return String::new() };
    let age = format_age(backup.created_at, app.clock.now());
    let created = format_time(backup.created_at, &session.zone());
    format!(
        "Backup:  {} of {}, created {created} ({age})\nArchive: {}\n",
        backup.backup_id,
        backup.database,
        escape(&plan.archive)
    )
}

/// Says where single databases have newer backups than the one that was found.
fn warn_of_newer(app: &App, context: &Context<'_>, source: &Source<'_>, args: &RestoreArgs) -> Result<()> {
    let (Some(catalog), Some(database), None) = (context.catalog, &args.database, &args.from) else {
        return Ok(());
    };
    let newest = catalog.newest_backup(database, true)?.map(|newest| newest.id);
    let found = source.manifest().map(|manifest| manifest.backup_id);
    if newest > found {
        app.warn("single databases have newer backups than this one of several: `--database` takes the newest of one");
    }
    Ok(())
}

fn report_text(app: &App, report: &ServerReport<RestoreReport>) -> String {
    let mut table = Table::new([
        ("target", Align::Left),
        ("tables", Align::Right),
        ("loaded", Align::Right),
        ("took", Align::Right),
        ("proved", Align::Left),
    ]);
    for done in &report.done {
        table.row([
            done.target.clone().into(),
            done.tables.to_string().into(),
            format_bytes(done.raw_bytes).into(),
            format_duration(Duration::from_secs_f64(done.duration_seconds.max(0.0))).into(),
            done.proofs.get(1).cloned().unwrap_or_default().into(),
        ]);
    }
    let mut text = if report.done.is_empty() { String::new() } else { table.render(app.style) + "\n" };
    for (name, error) in &report.failed {
        text += &format!("{} {}: {}\n", app.style.bad_mark(), escape(name), escape(&error.to_string()));
    }
    for done in &report.done {
        text.extend(
            done.notes.iter().map(|note| format!("Note: {}: {}\n", escape(&done.target), escape(note))),
        );
        let safety = done.safety.iter().map(|safety| safety.manifest.backup_id);
        text.extend(safety.map(|id| format!("Safety: {} as it was is backup {id}\n", escape(&done.target))));
    }
    let all = report.done.len() + report.failed.len();
    text + &format!("Total: {} of {all} databases restored\n", report.done.len())
}
