use std::path::PathBuf;
use std::time::Duration;

use cadangkan_archive::Trigger;
use cadangkan_core::{
    BackupId, Clock, Error, ErrorKind, Name, Pattern, Result, ResultExt, Selection, format_bytes,
    format_duration,
};
use cadangkan_engine::{Engine, LoadMode};
use cadangkan_ops::restore::{RestorePlan, RestoreReport, RestoreRequest, Safety, Target, plan, restore};
use cadangkan_ops::source::Source;

use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::{backup, parse_wait};
use crate::inventory::{DatabaseEntry, Wishes};
use crate::ui::escape;
use crate::ui::time::{format_age, format_time};

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan restore shop --dry-run                         # what would happen\n  cadangkan restore shop                                   # the newest, over the present one; asks\n  cadangkan restore shop --from 2026-01-15-143022 --to /tmp/shop.db\n  cadangkan restore shop --tables orders,customers --to /tmp/some.db\n  cadangkan restore --file shop.sqlite.zst --to shop.db    # needs nothing but the file"
)]
pub(crate) struct RestoreArgs {
    /// The database whose backup is restored
    #[arg(required_unless_present = "file")]
    database: Option<Name>,
    /// The backup [default: the newest]
    #[arg(long, value_name = "ID")]
    from: Option<BackupId>,
    /// An archive file, instead of a backup that is known
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database", "from", "storage"])]
    file: Option<PathBuf>,
    /// Read it from this storage [default: the first that has it]
    #[arg(long, value_name = "NAME")]
    storage: Vec<Name>,
    /// Where to: a configured database, a URL, or a path [default: over the database itself]
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    /// Only these tables, with their indexes and triggers; names or globs, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Definitions without rows
    #[arg(long)]
    schema_only: bool,
    /// What happens to what the target holds [default: replace over the database itself, clean with --tables, else fresh]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Back up the target first
    #[arg(long)]
    backup_first: bool,
    /// Do not keep the old database beside the restored one
    #[arg(long)]
    drop_old: bool,
    /// Leave out the restored database's own consistency check
    #[arg(long)]
    no_check: bool,
    /// How long to wait for another run of the target: 30s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_wait)]
    wait: Duration,
}

/// What happens to what the target holds.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// Refuse a target that is not empty
    Fresh,
    /// Restore beside it, prove it, swap it in; the old one is kept under another name
    Replace,
    /// Replace the selected tables inside it, in one transaction
    Clean,
}

/// Where a restore goes.
struct OpenTarget<'a> {
    /// Its entry, when it is configured.
    entry: Option<&'a DatabaseEntry>,
    engine: Box<dyn Engine>,
}

/// Restores a backup: plans, shows, asks, carries out.
pub(crate) fn run(app: &App, args: &RestoreArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Optional)?;
    let context = session.context(app);
    let places = match &args.database {
        Some(database) => session.places_for(database, &args.storage)?,
        None => Places::none(),
    };
    let list = places.list();
    let source = match (&args.database, &args.file) {
        (Some(database), _) => Source::stored(&context, database, args.from, &list)
            .map_err(|error| session.no_backup_yet(database, error))?,
        (None, Some(file)) => Source::file(file, &context.control)
            .hint("name the archive itself, as `backups info` shows it")?,
        (None, None) => return Err(Error::new(ErrorKind::Usage, "no backup is named")),
    };
    let open = target(app, &session, args)?;
    check_kind(&source, open.engine.as_ref())?;
    let request = request(args, &open);
    let target = Target { name: open.entry.map(|entry| &entry.name), engine: open.engine.as_ref() };
    let plan = plan(&context, &source, target, &request)?;
    if app.global.dry_run {
        context.control.step("read the archive");
        cadangkan_ops::restore::read_through(&context, &source)?;
        app.finish_progress();
        return app.print(&plan, || {
            plan_text(app, &session, &plan)
                + "\nThis was a dry run: the archive was read and is whole; nothing was changed.\n"
        });
    }
    let destructive = plan.load.destructive;
    if destructive {
        let about = plan_text(app, &session, &plan);
        let production = open.entry.filter(|entry| entry.options.production);
        match production {
            Some(entry) => {
                app.confirm_name(about.trim_end(), "This is a production database.", entry.name.as_str())?
            }
            None => app.confirm(about.trim_end(), "Continue?")?,
        }
    }
    let safety_places = open.entry.map(|entry| session.places(entry, &[])).transpose()?;
    let safety_list = safety_places.as_ref().map(Places::list);
    let safety = safety(args, &session, &open, safety_list.as_deref())?;
    let report =
        restore(&context, &source, target, &plan, safety, args.wait).map_err(|error| advise(args, error))?;
    app.finish_progress();
    app.print(&report, || report_text(app, &report))
}

/// Says what else can be restored where only this backup is at fault, and what an interrupted restore leaves.
fn advise(args: &RestoreArgs, error: Error) -> Error {
    match (error.kind(), &args.database) {
        (ErrorKind::DamagedBackup, Some(database)) => error.hint(format!(
            "the target is as it was; restore an older backup with --from: `cadangkan backups list {database}`"
        )),
        (ErrorKind::Cancelled, _) => error.hint("the target is as it was"),
        _ => error,
    }
}

fn target<'a>(app: &App, session: &'a Session, args: &RestoreArgs) -> Result<OpenTarget<'a>> {
    let configured = |name: &str| -> Result<OpenTarget<'a>> {
        let entry = session.inventory.database(name)?;
        Ok(OpenTarget { entry: Some(entry), engine: entry.open()? })
    };
    match (&args.to, &args.database) {
        (Some(to), _) if session.inventory.databases().iter().any(|entry| entry.name.as_str() == to) => {
            configured(to)
        }
        (Some(to), _) => {
            let (engine, _) = backup::open_url(app, to)?;
            // A path of a configured database is that database: it has its lock and its questions.
            let same = session
                .inventory
                .databases()
                .iter()
                .find(|entry| entry.open().is_ok_and(|other| other.location() == engine.location()));
            Ok(OpenTarget { entry: same, engine })
        }
        (None, Some(name)) => configured(name.as_str()),
        (None, None) => Err(Error::new(ErrorKind::Usage, "it is not said where the file is restored to")
            .hint("name a path or a configured database with --to")),
    }
}

/// Refuses a file that holds something else than the target's engine reads, before anything is made.
fn check_kind(source: &Source<'_>, engine: &dyn Engine) -> Result<()> {
    let descriptor = engine.descriptor();
    if source.manifest().is_some() || (descriptor.recognizes)(&source.peek(4096)?) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DamagedBackup,
        format!("this file holds no {} backup", descriptor.display_name),
    )
    .context("file", source.location())
    .hint("check that it is the archive itself, not its index or manifest, and that it came over whole"))
}

fn request(args: &RestoreArgs, open: &OpenTarget<'_>) -> RestoreRequest {
    let selection = Selection {
        tables: args.tables.iter().map(|table| Pattern(table.clone())).collect(),
        schema_only: args.schema_only,
        ..Selection::default()
    };
    let over_itself = open.entry.is_some_and(|entry| args.database.as_ref() == Some(&entry.name));
    let mode = match args.mode {
        Some(Mode::Fresh) => LoadMode::Fresh,
        Some(Mode::Replace) => LoadMode::Replace,
        Some(Mode::Clean) => LoadMode::Clean,
        None if over_itself && !selection.tables.is_empty() => LoadMode::Clean,
        None if over_itself => LoadMode::Replace,
        None => LoadMode::Fresh,
    };
    RestoreRequest {
        selection,
        mode,
        check: !args.no_check,
        drop_old: args.drop_old,
        ..RestoreRequest::default()
    }
}

fn safety<'a>(
    args: &RestoreArgs,
    session: &Session,
    open: &OpenTarget<'_>,
    places: Option<&'a [cadangkan_ops::Place<'a>]>,
) -> Result<Option<Safety<'a>>> {
    match (args.backup_first, open.entry, places) {
        (false, _, _) => Ok(None),
        (true, Some(entry), Some(places)) => {
            let effective = session.inventory.effective(entry, &Wishes::default());
            Ok(Some(Safety { places, request: backup::request(&effective, Trigger::Safety)? }))
        }
        (true, _, _) => {
            Err(Error::new(ErrorKind::Usage, "only a configured database can be backed up first")
                .hint("add the target with `cadangkan add`, or leave --backup-first out"))
        }
    }
}

fn plan_text(app: &App, session: &Session, plan: &RestorePlan) -> String {
    let mut lines = Vec::new();
    if plan.load.destructive {
        lines.push(format!("{} This replaces what is in the target.", app.message_style.warning_mark()));
        lines.push(String::new());
    }
    lines.push("Backup to restore:".to_owned());
    if let Some(backup) = &plan.backup {
        let (created, age) = (backup.created_at, format_age(backup.created_at, app.clock.now()));
        lines.push(format!("  ID:       {} of {}", backup.backup_id, backup.database));
        lines.push(format!("  Created:  {} ({age})", format_time(created, &session.zone())));
        lines.push(format!("  Tables:   {}", backup.tables_count));
    }
    lines.push(format!("  Size:     {}", format_bytes(plan.archive_bytes)));
    lines.push(format!("  Archive:  {}", escape(&plan.archive)));
    lines.push(String::new());
    lines.push("Target:".to_owned());
    lines.push(format!("  Location: {}", escape(&plan.target)));
    let present = plan.load.present.as_deref().unwrap_or("nothing");
    let size = plan.load.present_bytes.map(format_bytes).filter(|size| !present.contains(size.as_str()));
    let size = size.map(|size| format!(", {size}")).unwrap_or_default();
    lines.push(format!("  Present:  {}{size}", escape(present)));
    lines.push(format!("  Mode:     {}", plan.mode.as_str()));
    lines.push(String::new());
    lines.push("Steps:".to_owned());
    let steps = plan.load.steps.iter().enumerate();
    lines.extend(steps.map(|(position, step)| format!("  {}. {}", position + 1, escape(step))));
    let warning = |text: &String| format!("{} {}", app.message_style.warning_mark(), escape(text));
    lines.extend(plan.load.warnings.iter().map(warning));
    lines.join("\n") + "\n"
}

/// What a person wants to know of a restore that was just done.
pub(crate) fn report_text(app: &App, report: &RestoreReport) -> String {
    let mark = app.style.good_mark();
    let mut lines = vec![
        format!("{mark} Restore complete"),
        String::new(),
        format!("Target:     {}", escape(&report.target)),
        format!("Tables:     {}", report.tables),
        format!("Loaded:     {}", format_bytes(report.raw_bytes)),
        format!("Duration:   {}", format_duration(Duration::from_secs_f64(report.duration_seconds.max(0.0)))),
    ];
    lines.extend(report.proofs.iter().map(|proof| format!("Proved:     {}", escape(proof))));
    lines.extend(report.notes.iter().map(|note| format!("Note:       {}", escape(note))));
    if let Some(safety) = &report.safety {
        lines.push(format!("Safety:     the target as it was is backup {}", safety.manifest.backup_id));
    }
    lines.join("\n") + "\n"
}
