use std::collections::BTreeMap;
use std::fmt::Write;

use cadangkan_catalog::{BackupStatus, Run, RunFilter, RunStatus, StorageUsage};
use cadangkan_core::{Clock, Name, Result, format_bytes, format_some};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::info::runs_text;
use crate::commands::labels::LabelArgs;
use crate::commands::notify;
use crate::daemon::is_running;
use crate::health::{Grade, Health, Problem, Room};
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::schedules::Known;
use crate::traces;
use crate::ui::Paint;
use crate::ui::count::count;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan status\n  cadangkan status shop\n  cadangkan status --output json\n\nFor monitoring: cadangkan health --check"
)]
pub(crate) struct StatusArgs {
    /// One database [default: all]
    #[arg(conflicts_with_all = ["chosen-label", "chosen-group"])]
    database: Option<String>,
    #[command(flatten)]
    labels: LabelArgs,
}

impl StatusArgs {
    /// Asks for all databases.
    pub(crate) fn all() -> Self {
        StatusArgs { database: None, labels: LabelArgs::default() }
    }
}

/// The last runs that are shown of one database.
const RUNS_SHOWN: u64 = 10;

/// Shows how the databases and their backups are, and what is wrong.
pub(crate) fn run(app: &App, args: &StatusArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    // Runs whose process is gone are ended first, so that what is shown is true.
    cadangkan_ops::reap(&session.context(app))?;
    match &args.database {
        Some(name) => of_one(app, &session, session.inventory.database(name)?),
        None => of_all(app, &session, &args.labels),
    }
}

/// Looks at every database that is meant.
pub(crate) fn look_at_all<'a>(
    app: &App,
    session: &'a Session,
    labels: &LabelArgs,
) -> Result<Vec<Health<'a>>> {
    let (catalog, now) = (session.catalog()?, app.clock.now());
    let known = Known::read(catalog)?;
    labels
        .choose(&session.inventory)?
        .into_iter()
        .map(|entry| Health::look(catalog, &session.inventory, &known, entry, now))
        .collect()
}

fn of_all(app: &App, session: &Session, labels: &LabelArgs) -> Result<()> {
    let healths = look_at_all(app, session, labels)?;
    let storages = Room::look(session.catalog()?, &session.inventory)?;
    let low = low(session, &storages, &healths);
    let (silent, unsent) = (notify::problems(session)?, traces::problem(app, session)?);
    let active = healths.iter().filter(|health| health.entry.enabled).count();
    let scheduler = is_running(session)?;
    let scheduled = is_scheduled(&healths);
    let verdict = verdict(&healths, &low);
    let said = match scheduled && !scheduler {
        true => but(&verdict, "But the scheduler does not run: no backup follows by itself."),
        false => verdict,
    };
    let said = match silent.as_slice() {
        [] => said,
        _ => but(&said, "But not all who should hear of it can be reached."),
    };
    let (found, bytes) =
        healths.iter().fold((0, 0), |sum, health| (sum.0 + health.stored.0, sum.1 + health.stored.1));
    let value = json!({
        "databases": healths.iter().map(value).collect::<Vec<_>>(), "active": active, "scheduler_running": scheduler,
        "backups": { "count": found, "size_bytes": bytes },
        "storages": storages.iter().map(Room::value).collect::<Vec<_>>(), "problems": low.iter().chain(&silent).collect::<Vec<_>>(), "unsent_traces": traces::unsent(session)?, "verdict": said,
    });
    app.print(&value, || {
        if healths.is_empty() {
            return format!("No databases yet. Add one with `{}`.\n", registry::example_add());
        }
        let mut text = format!("Databases:  {} ({active} active)\n", healths.len());
        if scheduled {
            let state = match scheduler {
                true => app.style.green("runs"),
                false => app.style.red("does not run: nothing is backed up by itself; `cadangkan daemon`"),
            };
            text.push_str(&format!("Scheduler:  {state}\n"));
        }
        let _ = writeln!(text, "Backups:    {}, {}", found, format_bytes(bytes));
        for room in &storages {
            let _ = writeln!(text, "Storage:    {}", room.text());
        }
        let newest = healths.iter().filter_map(|health| health.newest.as_ref());
        if let Some(newest) = newest.max_by_key(|backup| backup.created_at) {
            let age = format_age(newest.created_at, app.clock.now());
            let _ = writeln!(text, "Newest:     {}, {age}", newest.database);
        }
        let _ = write!(text, "\n{}\n{}", table(app, &healths), problems(app, &healths, &low));
        for problem in &silent {
            let _ = writeln!(text, "{} {}", app.style.bad_mark(), problem.line());
        }
        text.push_str(&unsent);
        let _ = write!(text, "{}\n\nCommands:\n  cadangkan status <database>\n", said);
        text + "  cadangkan backup <database>\n  cadangkan health\n"
    })
}

fn of_one(app: &App, session: &Session, entry: &DatabaseEntry) -> Result<()> {
    let catalog = session.catalog()?;
    let health = Health::look(catalog, &session.inventory, &Known::read(catalog)?, entry, app.clock.now())?;
    let filter =
        RunFilter { database: Some(entry.name.clone()), limit: Some(RUNS_SHOWN), ..RunFilter::default() };
    let runs = catalog.runs(&filter)?;
    let usage: Vec<_> = catalog.usage()?.into_iter().filter(|usage| usage.database == entry.name).collect();
    let (active, stored) = (u64::from(entry.enabled), health.stored);
    let there: Vec<_> = usage
        .iter()
        .map(|usage| {
            json!({ "storage": usage.storage, "backups": usage.backups, "size_bytes": usage.size_bytes,
            "oldest_at": usage.oldest_at, "newest_at": usage.newest_at })
        })
        .collect();
    let storages = Room::look(catalog, &session.inventory)?;
    let low = low(session, &storages, std::slice::from_ref(&health));
    let mut one = value(&health);
    if let Some(map) = one.as_object_mut() {
        map.insert("storages".into(), json!(there));
        map.insert("runs".into(), json!(runs));
    }
    let value = json!({ "databases": [one], "active": active,
        "backups": { "count": stored.0, "size_bytes": stored.1 }, "problems": low,
        "verdict": verdict(std::slice::from_ref(&health), &low) });
    app.print(&value, || one_text(app, &health, &low, &usage, &runs))
}

/// The storages of these databases that are nearly full.
pub(crate) fn low(session: &Session, rooms: &[Room<'_>], healths: &[Health<'_>]) -> Vec<Problem> {
    let databases = || healths.iter().map(|health| health.entry);
    let used = rooms.iter().filter(|room| room.is_of(&session.inventory, databases()));
    used.filter_map(Room::problem).collect()
}

fn one_text(app: &App, health: &Health<'_>, low: &[Problem], usage: &[StorageUsage], runs: &[Run]) -> String {
    let (found, bytes) = health.stored;
    let [success, ..] = &health.score.parts;
    let mut text = format!("Backups:    {found}, {}\n", format_bytes(bytes));
    let _ = writeln!(text, "Success:    {}", success.reason);
    let _ = writeln!(text, "Score:      {} of 100", health.score.total);
    let healths = std::slice::from_ref(health);
    let _ = writeln!(text, "\n{}", table(app, healths));
    let mut there = Table::new([
        ("storage", Align::Left),
        ("backups", Align::Right),
        ("size", Align::Right),
        ("newest", Align::Left),
    ]);
    for usage in usage {
        there.row([
            usage.storage.to_string().into(),
            usage.backups.to_string().into(),
            format_bytes(usage.size_bytes).into(),
            format_age(usage.newest_at, app.clock.now()).into(),
        ]);
    }
    if !usage.is_empty() {
        text += &(there.render(app.style) + "\n");
    }
    text += &problems(app, healths, low);
    text + &verdict(healths, low) + "\n" + &runs_text(app, runs)
}

fn value(health: &Health<'_>) -> Value {
    let [success, ..] = &health.score.parts;
    json!({
        "name": health.entry.name,
        "engine": health.entry.engine.id,
        "enabled": health.entry.enabled,
        "paused": health.entry.paused,
        "last_backup_id": health.newest.as_ref().map(|backup| backup.id),
        "last_backup_at": health.newest.as_ref().map(|backup| backup.created_at),
        "last_backup_status": health.newest.as_ref().map(|backup| backup.status),
        "last_good_backup_id": health.last_good.as_ref().map(|backup| backup.id),
        "last_good_backup_at": health.last_good.as_ref().map(|backup| backup.created_at),
        "copies": health.copies,
        "verified_at": health.verified_at,
        "backups": { "count": health.stored.0, "size_bytes": health.stored.1 },
        "score": health.score.total,
        "success_percent": success.percent,
        "backups_tried_in_30_days": health.tried.all,
        "problems": health.problems,
        "last_run": health.last_run,
        "running": health.running,
    })
}

fn table(app: &App, healths: &[Health<'_>]) -> String {
    let planned = healths.iter().any(|health| health.planned.next_run.is_some());
    let mut columns = vec![
        ("database", Align::Left),
        ("engine", Align::Left),
        ("status", Align::Left),
        ("last good", Align::Left),
        ("last result", Align::Left),
        ("copies", Align::Right),
        ("size", Align::Right),
    ];
    columns.extend(planned.then_some(("next", Align::Left)));
    let (mut table, now) = (Table::new(columns), app.clock.now());
    for health in healths {
        let result = health.last_try.as_ref().map_or("", |run| run.status.as_str());
        let last = health.last_good.as_ref();
        let mut cells: Vec<Cell> = vec![
            health.entry.name.to_string().into(),
            health.entry.engine.id.into(),
            state(app, health),
            last.map_or("never".to_owned(), |backup| format_age(backup.created_at, now)).into(),
            result.into(),
            health.copies.len().to_string().into(),
            format_bytes(health.stored.1).into(),
        ];
        let next = || health.planned.next_run.map_or(String::new(), |next| format_age(next, now));
        cells.extend(planned.then(|| next().into()));
        table.row(cells);
    }
    table.render(app.style)
}

fn state(app: &App, health: &Health<'_>) -> Cell {
    let marked = |mark: &str, word: &str, paint| match app.style.has_unicode() {
        true => Cell::painted(format!("{mark} {word}"), paint),
        false => Cell::painted(word, paint),
    };
    let entry = health.entry;
    if let Some(run) = &health.running {
        return Cell::painted(format!("{} running", run.kind.as_str()), Paint::Yellow);
    }
    if !entry.enabled {
        return Cell::painted(if entry.paused { "paused" } else { "disabled" }, Paint::Dim);
    }
    match &health.newest {
        _ if health.failed().is_some_and(|run| run.status == RunStatus::Partial) => {
            marked("⚠", "failed in part", Paint::Yellow)
        }
        _ if health.failed().is_some() => marked("✗", "failed", Paint::Red),
        None => marked("✗", "no backup", Paint::Red),
        Some(backup) if backup.status != BackupStatus::Good => {
            marked("✗", backup.status.as_str(), Paint::Red)
        }
        _ if health.is_overdue() => marked("✗", "overdue", Paint::Red),
        _ if health.suspect().is_some() => marked("⚠", "suspect", Paint::Yellow),
        Some(_) => marked("✓", "good", Paint::Green),
    }
}

/// What is wrong, a line each, with what to do; notes of several databases alike are one line.
fn problems(app: &App, healths: &[Health<'_>], low: &[Problem]) -> String {
    let mut text = String::new();
    let mut notes: BTreeMap<&str, Vec<(&Name, &Problem)>> = BTreeMap::new();
    for health in healths {
        for problem in &health.problems {
            let mark = match problem.grade {
                Grade::Error => app.style.bad_mark(),
                Grade::Warning => app.style.warning_mark(),
                Grade::Note | Grade::Good => {
                    notes.entry(problem.code).or_default().push((&health.entry.name, problem));
                    continue;
                }
            };
            let _ = writeln!(text, "{mark} {}", problem.line());
        }
    }
    for problem in low {
        let _ = writeln!(text, "{} {}", app.style.warning_mark(), problem.line());
    }
    for (code, alike) in notes {
        let line = match alike.as_slice() {
            [(_, only)] => only.text.clone(),
            several => {
                let names: Vec<_> = several.iter().map(|(name, _)| name).collect();
                let names = format_some(&names, 3);
                match code {
                    "one_copy" => format!("the last backup is in one storage only: {names}"),
                    _ => format!("no backup was ever verified: {names}"),
                }
            }
        };
        let _ = writeln!(text, "Note: {line}");
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// All of it in one line.
pub(crate) fn verdict(healths: &[Health<'_>], low: &[Problem]) -> String {
    let so_far = verdict_of_backups(healths);
    match low.len() as u64 {
        0 => so_far,
        1 => but(&so_far, "A storage is nearly full."),
        full => but(&so_far, &format!("{full} storages are nearly full.")),
    }
}

/// A verdict with something more, so that not all is well.
fn but(so_far: &str, more: &str) -> String {
    format!("{} {more}", so_far.replacen("All is well: the", "The", 1))
}

/// Tells whether one of these databases is backed up by a schedule, if a scheduler runs.
pub(crate) fn is_scheduled(healths: &[Health<'_>]) -> bool {
    healths.iter().any(|health| health.planned.next_run.is_some())
}

fn verdict_of_backups(healths: &[Health<'_>]) -> String {
    let active: Vec<_> = healths.iter().filter(|health| health.entry.enabled).collect();
    let of = |grade| active.iter().filter(|health| health.grade() == grade).count() as u64;
    let (errors, warnings, all) = (of(Grade::Error), of(Grade::Warning), active.len() as u64);
    match (errors, warnings) {
        _ if all == 0 => "No database is active.".to_owned(),
        (0, 0) => match all {
            1 => "All is well: the last backup is good.".to_owned(),
            _ => format!("All is well: the last backups of {} are good.", count(all, "database")),
        },
        (0, warnings) => format!("{} of {} should be looked at.", warnings, count(all, "database")),
        (errors, 0) => format!("{errors} of {} without a good and fresh backup.", count(all, "database")),
        (errors, warnings) => format!(
            "{errors} of {} without a good and fresh backup; {warnings} more should be looked at.",
            count(all, "database")
        ),
    }
}
