mod several;
mod target;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use cadangkan_archive::Trigger;
use cadangkan_catalog::RunKind;
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Pattern, Result, ResultExt};
use cadangkan_engine::{Engine, LoadMode, LoadOptions, LoadUsers};
use cadangkan_ops::Context;
use cadangkan_ops::nearby::Nearby;
use cadangkan_ops::restore::{RestorePlan, RestoreRequest, Safety, TARGET_FACT, Target, plan, restore};
use cadangkan_ops::source::{Source, Wanted};

use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::selection::SelectionArgs;
use crate::commands::ticket::TicketArgs;
use crate::commands::wanted::wanted;
use crate::commands::{DatabaseUrl, StorageUrl, backup, by_url, parse_pattern, parse_wait};
use crate::encryption::KeyFlags;
use crate::inventory::Wishes;
use crate::notifications::Watch;
use several::Meant;
use target::OpenTarget;
use text::plan_text;
pub(crate) use text::report_text;

/// Arguments of `restore`.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan restore shop --dry-run                         # what would happen\n  cadangkan restore shop                                   # the newest, over the present one; asks\n  cadangkan restore shop --from 2026-01-15-143022 --to /tmp/shop.db\n  cadangkan restore shop --tables orders,customers --to /tmp/some.db\n  cadangkan restore prod --tables 'public.*' --no-owner --to scratch\n  cadangkan restore server --database app                  # one of a whole server\n  cadangkan restore server                                 # all databases of a combined backup\n  cadangkan restore --file shop.sqlite.zst --to shop.db    # needs nothing but the file"
)]
pub(crate) struct RestoreArgs {
    /// The database whose backup is restored
    #[arg(required_unless_present_any = ["file", "from"])]
    database: Option<Name>,
    /// The backup: its id, or the URL or path of its archive or of a folder with backups [default: the newest]
    #[arg(long, value_name = "ID|URL", value_parser = parse_from)]
    from: Option<From>,
    /// Which of a server's databases; the newest backup that has it is taken [default: all of the newest combined backup]
    #[arg(long = "database", value_name = "NAME")]
    one_of: Option<String>,
    /// These databases of a combined backup: names or globs, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_pattern, conflicts_with = "one_of")]
    databases: Vec<Pattern>,
    /// An archive file, instead of a backup that is known
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database", "from", "storage"])]
    file: Option<PathBuf>,
    /// Read it from this storage [default: the first that has it]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    /// Copy the archive to this machine first, into the folder, and remove it afterwards [default folder: stage in CADANGKAN_HOME]
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, conflicts_with = "file")]
    stage: Option<Option<PathBuf>>,
    /// Where to: a configured database, a URL, or a path [default: over the database itself]
    #[arg(long, value_name = "TARGET")]
    to: Option<DatabaseUrl>,
    /// What happens to what the target holds [default: replace over the database itself, clean with --tables, else fresh]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Back up the target first; mode recreate does over a configured database
    #[arg(long)]
    backup_first: bool,
    /// Do not back up the target first
    #[arg(long, conflicts_with = "backup_first")]
    no_backup_first: bool,
    /// Do not read and check the archive before a target is changed in place
    #[arg(long)]
    skip_verify: bool,
    /// Do not keep the old database beside the restored one
    #[arg(long)]
    drop_old: bool,
    /// Leave out the restored database's own consistency check
    #[arg(long)]
    no_check: bool,
    /// How long to wait for another run of the target: 30s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_wait)]
    wait: Duration,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    keys: KeyFlags,
    /// Whether somebody has agreed to it already.
    #[arg(skip)]
    agreed: bool,
}

/// Which backup.
#[derive(Clone, Debug)]
enum From {
    Id(BackupId),
    Url(StorageUrl),
}

fn parse_from(text: &str) -> Result<From, String> {
    match text.parse::<BackupId>() {
        Ok(id) => Ok(From::Id(id)),
        Err(_) if by_url::is_url(text) => Ok(From::Url(StorageUrl::of_text(text))),
        Err(error) => Err(error.to_string()),
    }
}

impl RestoreArgs {
    /// Asks for a database to be as it was in a backup of it.
    pub(crate) fn back(database: &Name, id: BackupId, ticket: TicketArgs, agreed: bool) -> Self {
        let (database, from) = (Some(database.clone()), Some(From::Id(id)));
        RestoreArgs { database, from, ticket, agreed, ..RestoreArgs::default() }
    }

    /// The id of the backup, where one was given.
    fn backup_id(&self) -> Option<BackupId> {
        if let Some(From::Id(id)) = self.from { Some(id) } else { None }
    }

    /// Where the archive is kept on this machine, where it is.
    fn nearby(&self, session: &Session) -> Result<Option<Nearby>> {
        let Some(folder) = &self.stage else { return Ok(session.cache()) };
        let folder = folder.clone().unwrap_or_else(|| session.stage());
        let folder = std::path::absolute(folder)
            .map_err(|error| Error::new(ErrorKind::Usage, "--stage names no folder").source(error))?;
        Ok(Some(Nearby::stage(folder)))
    }

    /// The configured database that it is about: the one whose backup it is, else the one that is restored over.
    fn concerned<'a>(&'a self, session: &'a Session) -> Option<&'a Name> {
        let target = self.to.as_ref().and_then(|to| session.inventory.database(to.as_str()).ok());
        self.database.as_ref().or(target.map(|entry| &entry.name))
    }

    /// Where the backup is, where that was given.
    fn backup_url(&self) -> Option<&StorageUrl> {
        if let Some(From::Url(url)) = &self.from { Some(url) } else { None }
    }
}

/// What happens to what the target holds.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// Refuse a target that is not empty
    Fresh,
    /// Restore beside it, prove it, swap it in; the old one is kept under another name
    Replace,
    /// Drop and create again what is restored inside it, in one transaction where that can be
    Clean,
    /// Drop it, and create it again
    Recreate,
    /// Add rows to the tables that are there
    Data,
}

impl Mode {
    fn load_mode(self) -> LoadMode {
        match self {
            Mode::Fresh => LoadMode::Fresh,
            Mode::Replace => LoadMode::Replace,
            Mode::Clean => LoadMode::Clean,
            Mode::Recreate => LoadMode::Recreate,
            Mode::Data => LoadMode::Data,
        }
    }
}

/// How things come back; only servers have them.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Servers")]
struct How {
    /// Leave owners out: everything belongs to the user who restores
    #[arg(long)]
    no_owner: bool,
    /// Leave granted privileges out
    #[arg(long)]
    no_privileges: bool,
    /// Restore a schema under another name; may be given more than once
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_rename)]
    rename_schema: Vec<(String, String)>,
    /// Load everything in one transaction, over one connection
    #[arg(long)]
    one_transaction: bool,
    /// Restore roles and tablespaces too, where the backup has them
    #[arg(long)]
    globals: bool,
    /// Make the users that lie beside the backup, with their grants; those that are there stay, or are changed too
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "missing")]
    users: Option<WhichUsers>,
    /// Let objects run with the rights of this account, instead of those that they name
    #[arg(long, value_name = "USER@HOST", conflicts_with = "no_owner")]
    definer: Option<String>,
    /// Take over the backup's place in its server's history (gtid_purged, gtid_slave_pos), to follow that server
    #[arg(long)]
    gtid_purged: bool,
}

impl How {
    fn options(&self) -> LoadOptions {
        LoadOptions {
            no_owner: self.no_owner,
            no_privileges: self.no_privileges,
            rename_schemas: self.rename_schema.clone(),
            single_transaction: self.one_transaction,
            globals: self.globals,
            users: self.users.map(WhichUsers::load_users),
            definer: self.definer.clone(),
            adopt_position: self.gtid_purged,
        }
    }
}

/// Which users are made or changed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum WhichUsers {
    /// Those that are not there
    Missing,
    /// All; those that are there get password, settings and grants of the backup
    Replace,
}

impl WhichUsers {
    fn load_users(self) -> LoadUsers {
        match self {
            WhichUsers::Missing => LoadUsers::Missing,
            WhichUsers::Replace => LoadUsers::Replace,
        }
    }
}

fn parse_rename(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("write OLD=NEW".to_owned()),
    }
}

/// Restores a backup: plans, shows, asks, carries out.
pub(crate) fn run(app: &App, args: &RestoreArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Optional)?;
    args.keys.lend(&session)?;
    let concerned = args.concerned(&session);
    Watch::around(app, &session, RunKind::Restore, concerned, || carry_out(app, &session, args))
}

fn carry_out(app: &App, session: &Session, args: &RestoreArgs) -> Result<()> {
    let context = session.context(app);
    let opened = args.backup_url().map(|url| by_url::open_backups(app, url)).transpose()?;
    let places = match &args.database {
        Some(database) if opened.is_none() => session.places_for(database, &args.storage)?,
        _ => Places::none(),
    };
    let list = opened.as_ref().map_or_else(|| places.list(), by_url::Opened::list);
    let source = match (&args.database, &args.file, &opened) {
        (database, None, Some(opened)) => opened.source(&context, &list, database.as_ref())?,
        (Some(database), _, _) => {
            let id = args.backup_id();
            let wanted = match args.databases.is_empty() || id.is_some() {
                true => wanted(session, context.catalog, database, id, args.one_of.as_deref())?,
                false => Wanted::NewestCombined,
            };
            Source::stored(&context, database, wanted, &list)
                .map_err(|error| session.no_backup_yet(database, error))?
        }
        (None, Some(file), _) => {
            Source::file(file, &context).hint("name the archive itself, as `backups info` shows it")?
        }
        (None, None, None) => return Err(Error::new(ErrorKind::Usage, "no backup is named")),
    };
    let mut source = match several::meant(source, args)? {
        Meant::One(source) => source,
        Meant::Several(source) => return several::run(app, session, &context, source, args),
    };
    let together: Vec<_> = args.one_of.iter().cloned().collect();
    let open = target::open(app, session, &source, args)?;
    check_kind(&source, open.engine.as_ref())?;
    let concerned: Vec<_> = args.database.iter().chain(open.entry.map(|entry| &entry.name)).collect();
    let ticket = args.ticket.of(app, session, &concerned)?;
    let context = Context { ticket: ticket.as_ref(), ..context };
    let target = Target { name: open.entry.map(|entry| &entry.name), engine: open.engine.as_ref() };
    let plan = plan_wish(app, &context, &source, target, args, &open, &together)?;
    refuse_part(args, &source, &open, &plan)?;
    if app.global.dry_run {
        context.control.step("read the archive");
        cadangkan_ops::restore::read_through(&context, &source)?;
        app.finish_progress();
        return app.print(&plan, || {
            plan_text(app, session, &plan)
                + "\nThis was a dry run: the archive was read and is whole; nothing was changed.\n"
        });
    }
    let destructive = plan.load.destructive;
    if destructive && !args.agreed {
        let about = plan_text(app, session, &plan);
        let production = open.entry.filter(|entry| entry.options.production);
        match production {
            Some(entry) => {
                app.confirm_name(about.trim_end(), "This is a production database.", entry.name.as_str())?
            }
            None => app.confirm(about.trim_end(), "Continue?")?,
        }
    }
    let safety_entry = open.entry.filter(|_| plan.backup_first);
    let safety_places = safety_entry.map(|entry| session.places_at_once(entry, &[])).transpose()?;
    let safety_list = safety_places.as_ref().map(Places::list);
    let safety = safety(session, &open, safety_list.as_deref())?;
    let nearby = args.nearby(session)?;
    bring(&context, nearby.as_ref(), &mut source, plan.load.needs.is_none())?;
    let restored = restore(&context, &source, target, &plan, safety, args.wait);
    let report = ended(nearby.as_ref(), &source, restored).map_err(|error| advise(args, error))?;
    app.finish_progress();
    app.print(&report, || report_text(app, &report))
}

/// Brings the archive to this machine first, where that is wished.
fn bring(context: &Context<'_>, nearby: Option<&Nearby>, source: &mut Source<'_>, whole: bool) -> Result<()> {
    nearby.map_or(Ok(()), |nearby| nearby.bring(context, source, whole))
}

/// Removes what was only brought for this restore; what failed may be tried again with it.
fn ended<T>(nearby: Option<&Nearby>, source: &Source<'_>, restored: Result<T>) -> Result<T> {
    let Some(nearby) = nearby else { return restored };
    match restored {
        Ok(done) => nearby.end(source).map(|()| done),
        Err(error) => Err(match nearby.kept(source) {
            Some(path) => error.context("the archive is kept at", path.display()),
            None => error,
        }),
    }
}

/// Refuses to put a part in the place of the whole, where nobody named that backup: the newest one holds a selection
/// that this database is not usually backed up with.
fn refuse_part(
    args: &RestoreArgs,
    source: &Source<'_>,
    open: &OpenTarget<'_>,
    plan: &RestorePlan,
) -> Result<()> {
    let whole = args.from.is_none() && !args.selection.selection().is_of_tables();
    let (Some(manifest), Some(entry)) = (source.manifest(), open.entry) else { return Ok(()) };
    let usual = manifest.selection.is_everything() || manifest.selection == entry.options.backup.selection();
    if !whole || !plan.load.destructive || usual || args.file.is_some() {
        return Ok(());
    }
    let id = manifest.backup_id;
    Err(Error::new(ErrorKind::Usage, "the newest backup holds only a part of the database")
        .context("backup", id)
        .hint(format!(
            "name an earlier one with --from (`cadangkan backups list {}` shows them), or that one with --from {id}; --tables restores tables out of it",
            manifest.database_name
        )))
}

/// Says what else can be restored where only this backup is at fault, and what an interrupted restore leaves.
fn advise(args: &RestoreArgs, error: Error) -> Error {
    if error.facts().iter().any(|(key, _)| [TARGET_FACT, "target"].contains(key)) {
        let stopped = error.kind() == ErrorKind::Cancelled && error.advice().is_none();
        return if stopped { error.hint("the same command begins the restore again") } else { error };
    }
    match (error.kind(), &args.database) {
        (ErrorKind::DamagedBackup, Some(database)) => error.hint(format!(
            "the target is as it was; restore an older backup with --from: `cadangkan backups list {database}`"
        )),
        (ErrorKind::Cancelled, _) => error.hint("the target is as it was"),
        _ => error,
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

/// Plans what was asked for. Where no mode was, and the engine or the privileges cannot replace the database, it is
/// dropped and created again.
fn plan_wish(
    app: &App,
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    args: &RestoreArgs,
    open: &OpenTarget<'_>,
    together: &[String],
) -> Result<RestorePlan> {
    let mode = args.mode.map_or_else(|| default_mode(args, source, open), Mode::load_mode);
    let planned = plan(context, source, target, &request(args, open, mode, together));
    let cannot = |error: &Error| matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied);
    match planned {
        Err(error) if args.mode.is_none() && mode == LoadMode::Replace && cannot(&error) => {
            let other = plan(context, source, target, &request(args, open, LoadMode::Recreate, together));
            let plan = other.map_err(|_| error)?;
            let which = match open.one_of.as_deref().filter(|_| together.len() > 1) {
                Some(name) => format!("the database {}", name.escape_debug()),
                None => "the database".to_owned(),
            };
            app.warn(&format!("{which} cannot be replaced in one step: it is dropped and created again"));
            Ok(plan)
        }
        planned => planned,
    }
}

fn default_mode(args: &RestoreArgs, source: &Source<'_>, open: &OpenTarget<'_>) -> LoadMode {
    match (open.is_the_source(source, args), args.selection.selection().is_of_tables()) {
        (false, _) => LoadMode::Fresh,
        (true, true) => LoadMode::Clean,
        (true, false) if open.engine.descriptor().capabilities.replace => LoadMode::Replace,
        (true, false) => LoadMode::Recreate,
    }
}

fn request(args: &RestoreArgs, open: &OpenTarget<'_>, mode: LoadMode, together: &[String]) -> RestoreRequest {
    let mut options = args.how.options();
    // Accounts are those of all: they are made once, when the last database is in its place.
    if together.len() > 1 && together.last() != open.one_of.as_ref() {
        options.users = None;
    }
    // What recreate drops is nowhere else.
    let by_default = mode == LoadMode::Recreate && open.entry.is_some();
    RestoreRequest {
        selection: args.selection.selection(),
        mode,
        check: !args.no_check,
        drop_old: args.drop_old,
        together: together.to_vec(),
        options,
        backup_first: args.backup_first || (by_default && !args.no_backup_first),
        skip_verify: args.skip_verify,
    }
}

fn safety<'a>(
    session: &Session,
    open: &'a OpenTarget<'_>,
    places: Option<&'a [cadangkan_ops::Place<'a>]>,
) -> Result<Option<Safety<'a>>> {
    let (Some(entry), Some(places)) = (open.entry, places) else { return Ok(None) };
    let effective = session.inventory.effective(entry, &Wishes::default());
    let request = backup::request(entry, &effective, Trigger::Safety)?;
    Ok(Some(Safety { places, request, one_of: open.one_of.as_deref() }))
}
