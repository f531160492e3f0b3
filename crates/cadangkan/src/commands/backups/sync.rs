use cadangkan_core::{Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_ops::backup::FailedCopy;
use cadangkan_ops::sync::{Goal, MissingCopy, SyncPlan, SyncReport, plan, sync};
use cadangkan_ops::{Context, Place};
use serde_json::{Map, Value, json};

use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::retention::Retention;
use crate::commands::ticket::TicketArgs;
use crate::inventory::DatabaseEntry;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::table::{Align, Table};

/// Arguments of `backups sync`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups sync --dry-run\n  cadangkan backups sync shop\n  cadangkan backups sync shop --to offsite"
)]
pub(super) struct SyncArgs {
    /// The database [default: all that are enabled]
    database: Option<String>,
    /// Only to this one of its storages; may be given more than once
    #[arg(long, value_name = "NAME")]
    to: Vec<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
}

impl SyncArgs {
    /// Asks for what one database lacks.
    pub(super) fn of(database: &Name, to: &[Name]) -> Self {
        SyncArgs { database: Some(database.to_string()), to: to.to_vec(), ticket: TicketArgs::default() }
    }
}

/// Copies what is missing. All databases are looked at, also when one fails.
pub(super) fn run(app: &App, args: &SyncArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let databases = session.inventory.databases();
    let entries: Vec<&DatabaseEntry> = match &args.database {
        Some(name) => vec![session.inventory.database(name)?],
        None => databases.iter().filter(|entry| entry.enabled).collect(),
    };
    let names: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
    let ticket = args.ticket.of(app, &session, &names)?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let (mut values, mut text, mut failures) = (Vec::new(), String::new(), Vec::new());
    for entry in entries {
        match one(app, &session, &context, entry, &args.to) {
            Ok(done) => {
                text.push_str(&done.text);
                values.push(done.value);
                failures.extend(done.error);
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                return Err(error.hint("what was copied by then stays; the same command goes on"));
            }
            Err(error) => failures.push(error.context("database", &entry.name)),
        }
    }
    app.print(&values, || if text.is_empty() { "There is nothing to copy.\n".to_owned() } else { text })?;
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) if failed == 1 => Err(first),
        Some(first) => {
            Err(Error::new(ErrorKind::Partial, format!("{failed} databases failed")).source(first))
        }
    }
}

struct Done {
    value: Value,
    text: String,
    error: Option<Error>,
}

fn one(
    app: &App,
    session: &Session,
    context: &Context<'_>,
    entry: &DatabaseEntry,
    to: &[Name],
) -> Result<Done> {
    let name = &entry.name;
    let sources = session.places_for(name, &[])?;
    let goals = session.places(entry, to)?;
    let (sources, goals) = (sources.list(), goals.list());
    let after = |place: &Place<'_>| session.inventory.waits_for(entry, place.name);
    let policies = Retention::of(session, entry, &goals)?;
    let rules = policies.as_ref().map(|policies| policies.rules(&goals)).unwrap_or_default();
    let rules =
        |place: &Place<'_>| rules.iter().find(|one| one.place.name == place.name).map(|one| one.rules);
    let goals: Vec<_> =
        goals.iter().map(|place| Goal { place: *place, after: after(place), rules: rules(place) }).collect();
    if app.global.dry_run {
        let plan = plan(context, name, &sources, &goals, None)?;
        return Ok(Done { value: named(name, json!(plan)), text: plan_text(app, name, &plan), error: None });
    }
    let report = sync(context, name, &sources, &goals, None)?;
    app.finish_progress();
    let error = report.error().map(|error| error.context("database", name));
    Ok(Done { value: named(name, json!(report)), text: report_text(app, name, &report), error })
}

/// A value with the database's name before it.
fn named(name: &Name, value: Value) -> Value {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(name));
    if let Value::Object(rest) = value {
        map.extend(rest);
    }
    Value::Object(map)
}

fn plan_text(app: &App, name: &Name, plan: &SyncPlan) -> String {
    let mut text = String::new();
    if !plan.missing.is_empty() {
        let bytes = format_bytes(plan.missing.iter().map(|copy| copy.size_bytes).sum());
        let copies = count(plan.missing.len() as u64, "backup");
        text = format!("{name}: to be copied: {copies}, {bytes}\n{}", table(app, &plan.missing));
    }
    for waiting in &plan.waiting {
        text.push_str(&format!(
            "{name}: {} goes to {} at {}\n",
            waiting.backup_id, waiting.to, waiting.due_at
        ));
    }
    text + &not_kept_text(name, plan.not_kept.len()) + &failed_text(app, name, &plan.failed)
}

/// What a person wants to know of what was copied.
pub(super) fn report_text(app: &App, name: &Name, report: &SyncReport) -> String {
    let mut text = String::new();
    if !report.copied.is_empty() {
        let bytes = format_bytes(report.copied.iter().map(|copy| copy.size_bytes).sum());
        let copies = count(report.copied.len() as u64, "backup");
        let mark = app.style.good_mark();
        text = format!("{mark} {name}: copied {copies}, {bytes}\n{}", table(app, &report.copied));
    }
    if report.waiting > 0 {
        text.push_str(&format!("{name}: {} not old enough yet\n", count(report.waiting as u64, "backup")));
    }
    text + &not_kept_text(name, report.not_kept) + &failed_text(app, name, &report.failed)
}

fn not_kept_text(name: &Name, not_kept: usize) -> String {
    match not_kept {
        0 => String::new(),
        number => {
            format!("{name}: {} not copied, which retention lets go there\n", count(number as u64, "backup"))
        }
    }
}

fn failed_text(app: &App, name: &Name, failed: &[FailedCopy]) -> String {
    let line = |failed: &FailedCopy| {
        format!("{} {name}: {}: {}\n", app.style.bad_mark(), failed.storage, escape(&failed.message))
    };
    failed.iter().map(line).collect()
}

fn table(app: &App, copies: &[MissingCopy]) -> String {
    let mut table =
        Table::new([("id", Align::Left), ("size", Align::Right), ("from", Align::Left), ("to", Align::Left)]);
    for copy in copies {
        table.row([
            copy.backup_id.to_string().into(),
            format_bytes(copy.size_bytes).into(),
            copy.from.first().cloned().unwrap_or_default().into(),
            copy.to.clone().into(),
        ]);
    }
    table.render(app.style)
}

/// Copies one backup to every goal that lacks it, at once, and says so.
pub(super) fn copy_one(
    app: &App,
    context: &Context<'_>,
    database: &Name,
    id: cadangkan_core::BackupId,
    sources: &Places,
    goals: &Places,
) -> Result<()> {
    let (sources, goals) = (sources.list(), goals.list());
    let goals: Vec<_> = goals.iter().map(|place| Goal { place: *place, after: None, rules: None }).collect();
    if app.global.dry_run {
        let plan = plan(context, database, &sources, &goals, Some(id))?;
        return app.print(&plan, || match plan.missing.is_empty() {
            true => format!("Backup {id} of {database} is there already.\n"),
            false => plan_text(app, database, &plan),
        });
    }
    let report = sync(context, database, &sources, &goals, Some(id))?;
    app.print(&report, || match report.copied.is_empty() && report.failed.is_empty() {
        true => format!("Backup {id} of {database} is there already.\n"),
        false => report_text(app, database, &report),
    })?;
    report.error().map_or(Ok(()), Err)
}
