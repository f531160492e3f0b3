mod beside;
pub(crate) mod databases;
mod server;
pub(crate) mod text;

use std::path::PathBuf;
use std::time::Duration;

use cadangkan_archive::{CodecKind, GitState, Trigger};
use cadangkan_catalog::{BackupFilter, RunKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_engine::{DumpOptions, DumpRequest, Engine};
use cadangkan_ops::backup::{BackupRequest, Origin, backup, plan};
use cadangkan_ops::naming::{ArchiveName, FileNameTemplate};
use cadangkan_ops::{Context, Database};
use serde_json::json;

use self::databases::DatabaseArgs;
use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::many::{self, Each, ManyArgs};
use crate::commands::selection::SelectionArgs;
use crate::commands::ticket::TicketArgs;
use crate::commands::{DatabaseUrl, parse_wait, retention};
use crate::encryption::EncryptFlags;
use crate::hooks::Hooks;
use crate::inventory::{DatabaseEntry, EffectiveOptions, Wishes};
use crate::notifications::Watch;
use crate::registry;
use crate::ui::escape;
use beside::BesideArgs;
use text::{plan_text, report_text};

/// Arguments of `backup`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backup shop\n  cadangkan backup shop --compression xz --level 9 --tag before-upgrade\n  cadangkan backup shop --exclude-data 'log_*,sessions'\n  cadangkan backup shop --dry-run\n  cadangkan backup prod --all --exclude-db 'tmp_*'          # databases of a whole server\n  cadangkan backup --all                                    # every database that is enabled\n  cadangkan backup --label client=acme --jobs 3\n  cadangkan backup --url ~/app/shop.db --to-dir /mnt/usb    # not remembered"
)]
pub(crate) struct BackupArgs {
    /// The database
    #[arg(required_unless_present_any = ["url", "all", "chosen-label", "chosen-group"], conflicts_with_all = ["chosen-label", "chosen-group"])]
    database: Option<String>,
    /// A database that is not configured: a URL, or the path of a database file
    #[arg(long, conflicts_with_all = ["database", "all", "chosen-label", "chosen-group", "jobs"], requires = "to_dir")]
    url: Option<DatabaseUrl>,
    /// The folder for the backup of --url
    #[arg(long, value_name = "FOLDER", requires = "url", conflicts_with = "database")]
    to_dir: Option<PathBuf>,
    /// The file name for the backup of --url, without endings
    #[arg(long, value_name = "NAME", requires = "url", conflicts_with = "database")]
    filename: Option<String>,
    /// A storage to back up to; may be given more than once [default: as configured]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with = "url")]
    storage: Vec<Name>,
    #[command(flatten)]
    how: How,
    /// A word to find the backup by; may be given more than once
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// Show what would be done, and ask before it is done
    #[arg(long)]
    confirm: bool,
    /// How long to wait for another run of this database: 30s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_wait)]
    wait: Duration,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Also what belongs to the whole server: roles, tablespaces
    #[arg(long)]
    globals: bool,
    /// Take only the rows that row security shows, instead of failing on tables that have it
    #[arg(long)]
    row_security: bool,
    #[command(flatten)]
    many: ManyArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
    #[command(flatten)]
    beside: BesideArgs,
    #[command(flatten)]
    encryption: EncryptFlags,
    /// How long it stays whatever the retention policy says, which does not count it: 90d
    #[arg(long, value_name = "TIME", value_parser = parse_wait, conflicts_with = "url")]
    keep_for: Option<Duration>,
    /// Where the working folder stands, for a backup before something risky.
    #[arg(skip)]
    guard: Option<Option<GitState>>,
    /// What caused it.
    #[arg(skip)]
    trigger: Trigger,
    /// The schedule that makes it.
    #[arg(skip)]
    schedule: Option<String>,
}

impl BackupArgs {
    /// Asks for the backup of a configured database as a schedule does it.
    pub(crate) fn scheduled(database: &Name, schedule: &str, storage: &[Name], trigger: Trigger) -> Self {
        let schedule = Some(schedule.to_owned());
        BackupArgs { storage: storage.to_vec(), trigger, schedule, ..BackupArgs::of(database) }
    }

    /// Asks for the backup of a configured database, with everything as configured.
    pub(crate) fn of(database: &Name) -> Self {
        BackupArgs {
            database: Some(database.to_string()),
            url: None,
            to_dir: None,
            filename: None,
            storage: Vec::new(),
            how: How::default(),
            selection: SelectionArgs::default(),
            many: ManyArgs::default(),
            databases: DatabaseArgs::default(),
            globals: false,
            row_security: false,
            beside: BesideArgs::default(),
            encryption: EncryptFlags::default(),
            keep_for: None,
            guard: None,
            tag: Vec::new(),
            ticket: TicketArgs::default(),
            confirm: false,
            wait: Duration::ZERO,
            trigger: Trigger::Manual,
            schedule: None,
        }
    }
}

impl BackupArgs {
    /// Asks for the backup of a configured database before something risky is done to it.
    pub(crate) fn guard(
        database: &Name,
        state: Option<GitState>,
        tag: Vec<String>,
        wait: Duration,
        ticket: TicketArgs,
    ) -> Self {
        BackupArgs { guard: Some(state), tag, wait, ticket, ..BackupArgs::of(database) }
    }
}

/// How the archive is made; each is the configured value when it is not given.
#[derive(Clone, Debug, Default, clap::Args)]
struct How {
    /// The codec: zstd, gzip (or pgzip), xz, zlib or none [default: zstd]
    #[arg(long, short = 'C', value_name = "CODEC", value_parser = parse_codec)]
    compression: Option<CodecKind>,
    /// The codec's level: zstd 1-19, gzip and zlib 1-9, xz 0-9 [default: zstd 3]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    level: Option<i32>,
    /// Leave out the database's own consistency check
    #[arg(long, overrides_with = "check")]
    no_check: bool,
    /// Run the database's own consistency check, also when the configuration leaves it out
    #[arg(long)]
    check: bool,
    /// Count and fingerprint the rows of each table
    #[arg(long)]
    fingerprints: bool,
}

impl BackupArgs {
    fn wishes(&self, app: &App) -> Result<Wishes> {
        let how = &self.how;
        Ok(Wishes {
            storage: (!self.storage.is_empty()).then(|| self.storage.clone()),
            compression: how.compression,
            level: how.level,
            file_name: None,
            check: if how.no_check { Some(false) } else { how.check.then_some(true) },
            fingerprints: how.fingerprints.then_some(true),
            encryption: self.encryption.settings(app)?,
            backup: self.selection.options(self.globals),
        })
    }
}

/// Ends what a dry run says.
const DRY_RUN: &str = "\nThis was a dry run: nothing was backed up.\n";
/// What `--confirm` asks.
const QUESTION: &str = "Back this up?";

/// Backs up a configured database, or one that is not.
pub(crate) fn run(app: &App, args: &BackupArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    match (&args.database, &args.url) {
        (Some(name), _) => {
            let entry = session.inventory.enabled_database(name)?;
            back_up(app, &session, entry, args).map(drop)
        }
        (None, Some(url)) => back_up_once(app, &session, url, args),
        (None, None) => back_up_many(app, &session, args),
    }
}

/// Backs up every database that is meant.
fn back_up_many(app: &App, session: &Session, args: &BackupArgs) -> Result<()> {
    // What chooses among all databases says nothing of those of one server.
    let of_each = BackupArgs { databases: DatabaseArgs::default(), ..args.clone() };
    let each = Each {
        work: &|app, session, entry| back_up(app, session, entry, &of_each).map(drop),
        about: &|catalog, name, began| {
            catalog.backups(&BackupFilter {
                database: Some(name.clone()),
                since: Some(began),
                ..BackupFilter::default()
            })
        },
        dry_run: app.global.dry_run.then_some(DRY_RUN),
    };
    many::run(app, session, &args.many, &each)
}

/// Backs up a configured database, and tells of it. Returns the backup, where one was made and it is one.
pub(crate) fn back_up(
    app: &App,
    session: &Session,
    entry: &DatabaseEntry,
    args: &BackupArgs,
) -> Result<Option<BackupId>> {
    let work = || back_up_quietly(app, session, entry, args);
    Watch::around(app, session, RunKind::Backup, Some(&entry.name), work)
}

fn back_up_quietly(
    app: &App,
    session: &Session,
    entry: &DatabaseEntry,
    args: &BackupArgs,
) -> Result<Option<BackupId>> {
    let ticket = args.ticket.of(app, session, &[&entry.name])?;
    let engine = entry.open()?;
    let places = session.places_at_once(entry, &args.storage)?;
    let effective = session.inventory.effective(entry, &args.wishes(app)?);
    let trigger = if args.guard.is_some() { Trigger::Guard } else { args.trigger.clone() };
    let mut request = request(entry, &effective, trigger)?;
    select(&mut request, &effective, args);
    request.origin = Origin {
        labels: entry.options.labels(),
        git: args.guard.clone().flatten(),
        schedule: args.schedule.clone(),
    };
    request.tags = entry.options.tags.iter().chain(&args.tag).cloned().collect();
    request.tags.dedup();
    (request.wait, request.keep_for) = (args.wait, args.keep_for);
    let hooks = Hooks::new(effective.hooks.value);
    let context = Context { ticket: ticket.as_ref(), around: Some(&hooks), ..session.context(app) };
    let made = match engine.server() {
        Some(server) => {
            let request = server::request(&args.databases, &effective.backup.value, request)?;
            let asks = server::Asks { to_choose: args.databases.asks(), to_confirm: args.confirm };
            let of = (engine.as_ref(), server);
            server::back_up(app, &context, &entry.name, of, &places, request, asks).map(|()| None)
        }
        None => {
            args.databases.refuse_for_one(entry.name.as_str())?;
            let database = Database { name: &entry.name, engine: engine.as_ref(), one_of: None };
            carry_out(app, &context, database, &places, &request, args.confirm)
        }
    };
    let made = then_retention(app, session, &context, (entry, engine.as_ref()), made)?;
    hooks.told().map(|()| made)
}

/// Lets old backups go where the new one is: also when another storage did not get it. Of a server those of a database that
/// failed stay, by the plan.
fn then_retention<T>(
    app: &App,
    session: &Session,
    context: &Context<'_>,
    (entry, engine): (&DatabaseEntry, &dyn Engine),
    made: Result<T>,
) -> Result<T> {
    let is_good = made.as_ref().map_or_else(|error| error.kind() == ErrorKind::Partial, |_| true);
    if app.global.dry_run || !is_good {
        return made;
    }
    let after = retention::after_backup(app, session, context, entry, engine);
    made.and_then(|made| after.map(|()| made))
}

/// Backs up a database that is not configured; the catalog hears nothing of it.
fn back_up_once(app: &App, session: &Session, url: &DatabaseUrl, args: &BackupArgs) -> Result<()> {
    let ticket = args.ticket.of(app, session, &[])?;
    let (engine, _) = open_url(app, url)?;
    let name = name_of(engine.as_ref())?;
    args.databases.refuse_for_one(name.as_str())?;
    let folder = args.to_dir.clone().unwrap_or_default();
    let places = Places::one(Name::new("to-dir")?, open_folder(app, &folder)?);
    let defaults = DatabaseEntry::unsaved(name.clone(), engine.descriptor());
    let effective = session.inventory.effective(&defaults, &args.wishes(app)?);
    let mut request = request(&defaults, &effective, Trigger::Manual)?;
    select(&mut request, &effective, args);
    request.name = match &args.filename {
        Some(name) => ArchiveName::exact(name)?,
        None => ArchiveName::Flat(FileNameTemplate::default()),
    };
    (request.tags, request.wait) = (args.tag.clone(), args.wait);
    let context = Context { catalog: None, ticket: ticket.as_ref(), ..session.context(app) };
    let database = Database { name: &name, engine: engine.as_ref(), one_of: None };
    carry_out(app, &context, database, &places, &request, args.confirm).map(drop)
}

fn carry_out(
    app: &App,
    context: &Context<'_>,
    database: Database<'_>,
    places: &Places,
    request: &BackupRequest,
    confirm: bool,
) -> Result<Option<BackupId>> {
    if app.global.dry_run || confirm {
        let engine = database.engine.descriptor().display_name;
        let plan = plan(context, database, &places.list(), request)?;
        if app.global.dry_run {
            return app.print(&plan, || plan_text(engine, &plan) + DRY_RUN).map(|()| None);
        }
        app.confirm(plan_text(engine, &plan).trim_end(), QUESTION)?;
    }
    let report = backup(context, database, &places.list(), request).map_err(|error| match error.kind() {
        ErrorKind::Cancelled => error.hint("nothing was kept of this backup; earlier ones are as they were"),
        _ => error,
    })?;
    app.finish_progress();
    let (engine, id) = (database.engine.descriptor().display_name, report.manifest.backup_id);
    if request.trigger == Trigger::Guard {
        // The output belongs to the command that is guarded.
        let size = format_bytes(report.manifest.archive.size_bytes);
        app.say(&format!(
            "{} Backed up {} first: {id}, {size}",
            app.message_style.good_mark(),
            database.name
        ));
    } else {
        app.print(&report, || report_text(app, engine, &report, context.catalog.is_some()))?;
    }
    report.error().map_or(Ok(Some(id)), Err)
}

/// Asks for those objects only that the options in effect select.
fn select(request: &mut BackupRequest, effective: &EffectiveOptions, args: &BackupArgs) {
    let wishes = &effective.backup.value;
    request.dump.selection = wishes.selection();
    let row_security = args.row_security;
    request.dump.options = DumpOptions { globals: wishes.globals, row_security, ..args.beside.options() };
}

/// Makes the request that the options in effect ask for: of the whole database, since a safety backup has to hold
/// whatever a restore may destroy.
pub(crate) fn request(
    database: &DatabaseEntry,
    effective: &EffectiveOptions,
    trigger: Trigger,
) -> Result<BackupRequest> {
    let template = effective.file_name.value.clone().map(FileNameTemplate::new).transpose()?;
    Ok(BackupRequest {
        dump: DumpRequest {
            check: effective.check.value,
            fingerprints: effective.fingerprints.value,
            ..DumpRequest::default()
        },
        codec: effective.codec()?,
        name: ArchiveName::InFolders(template.unwrap_or_default()),
        trigger,
        tags: Vec::new(),
        keep_for: None,
        origin: Origin::default(),
        shrink_guard: effective.shrink_guard.value.0,
        encryption: database.encryption(effective)?,
        wait: Duration::ZERO,
    })
}

/// Opens a database by its URL or path; relative paths begin in the working folder.
pub(crate) fn open_url(app: &App, url: &DatabaseUrl) -> Result<(Box<dyn Engine>, serde_json::Value)> {
    let unknown = || {
        Error::new(ErrorKind::Usage, "not the URL or path of a database that this program knows")
            .context("url", escape(&url.to_string()))
            .hint(format!("an existing database is added with `{}`", registry::example_add()))
    };
    let (engine, settings) = registry::parse_url(url.as_str()).ok_or_else(unknown)?;
    let wrong = |error: cadangkan_core::settings::SettingsError| Error::new(ErrorKind::Usage, error.message);
    let settings = app.absolute_paths(engine.fields, settings.map_err(wrong)?)?;
    Ok(((engine.open)(&settings).map_err(wrong)?, settings))
}

/// Opens a folder as a storage that is not configured.
pub(crate) fn open_folder(
    app: &App,
    folder: &std::path::Path,
) -> Result<Box<dyn cadangkan_storage::Storage>> {
    let (provider, field) = registry::HOME_STORAGE;
    let settings = app.absolute_paths(provider.fields, json!({ field: folder.to_string_lossy() }))?;
    (provider.open)(&settings).map_err(|error| Error::new(ErrorKind::Usage, error.message))
}

/// Makes a name out of where a database is.
fn name_of(engine: &dyn Engine) -> Result<Name> {
    let database = engine.location().database;
    let last = database.rsplit('/').next().unwrap_or_default();
    let stem = last.split('.').next().unwrap_or_default();
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    Name::new(name.trim_matches('-')).or_else(|_| Name::new("database"))
}

fn parse_codec(text: &str) -> Result<CodecKind, String> {
    text.parse().map_err(|error: Error| format!("{error}; {}", error.advice().unwrap_or_default()))
}
