use cadangkan_catalog::{BackupFilter, RunKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::locate;
use cadangkan_ops::verify::{VerifyLevel, VerifyReport, verify};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::many::{self, Each, ManyArgs};
use crate::commands::ticket::TicketArgs;
use crate::commands::wanted::wanted;
use crate::encryption::KeyFlags;
use crate::notifications::Watch;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan verify shop                     # the newest backup\n  cadangkan verify --label client=acme      # of each of these databases\n  cadangkan verify shop 2026-01-15-143022 --level checksum"
)]
pub(crate) struct VerifyArgs {
    /// The database
    #[arg(required_unless_present_any = ["all", "chosen-label", "chosen-group"], conflicts_with_all = ["all", "chosen-label", "chosen-group"])]
    database: Option<Name>,
    /// The backup [default: the newest]
    id: Option<BackupId>,
    /// Which of a server's databases; its newest backup is read
    #[arg(long = "database", value_name = "NAME", conflicts_with_all = ["id", "chosen-label", "chosen-group"])]
    one_of: Option<String>,
    /// How deep to look
    #[arg(long, value_enum, default_value = "read")]
    level: Level,
    /// Only the copies in this storage; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    /// The newest backup of every configured database that is enabled
    #[arg(long, help_heading = "Many databases", conflicts_with_all = ["one_of", "chosen-label", "chosen-group"])]
    all: bool,
    #[command(flatten)]
    many: ManyArgs,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    keys: KeyFlags,
}

impl VerifyArgs {
    /// Asks for the newest backup of a database to be read, in these storages or in all.
    pub(crate) fn of(database: &Name, storage: &[Name]) -> Self {
        VerifyArgs {
            database: Some(database.clone()),
            id: None,
            one_of: None,
            level: Level::Read,
            storage: storage.to_vec(),
            all: false,
            many: ManyArgs::default(),
            ticket: TicketArgs::default(),
            keys: KeyFlags::default(),
        }
    }
}

/// How deep to look.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Level {
    /// Compare every stored byte with its checksum
    Checksum,
    /// Also decode everything and compare it with the index
    Read,
}

/// Verifies every copy of a backup; all are read, also when one is damaged.
pub(crate) fn run(app: &App, args: &VerifyArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    if let Some(database) = &args.database {
        return verify_newest(app, &session, database, args);
    }
    let each = Each {
        work: &|app, session, entry| verify_newest(app, session, &entry.name, args),
        about: &|catalog, name, began| {
            let all = BackupFilter { database: Some(name.clone()), ..BackupFilter::default() };
            let mut copies = catalog.backups(&all)?;
            copies.retain(|copy| copy.verified_at.is_some_and(|at| at >= began));
            Ok(copies)
        },
        dry_run: None,
    };
    many::run(app, &session, &args.many, &each)
}

/// Verifies the backup of a database that is meant, and tells of it.
fn verify_newest(app: &App, session: &Session, database: &Name, args: &VerifyArgs) -> Result<()> {
    let level = match args.level {
        Level::Checksum => VerifyLevel::Checksum,
        Level::Read => VerifyLevel::Read,
    };
    let which = (args.id, args.one_of.as_deref());
    args.keys.lend(session)?;
    let work = || verify_copies(app, session, database, which, &args.storage, level, &args.ticket);
    Watch::around(app, session, RunKind::Verify, Some(database), work)
}

/// Verifies the copies of a backup in the named storages, or in all that have it: the one with an id, or the newest
/// one, of a server that of one of its databases.
pub(crate) fn verify_copies(
    app: &App,
    session: &Session,
    database: &Name,
    (id, one_of): (Option<BackupId>, Option<&str>),
    storages: &[Name],
    level: VerifyLevel,
    ticket: &TicketArgs,
) -> Result<()> {
    let ticket = ticket.of(app, session, &[database])?;
    let places = session.places_for(database, storages)?;
    let list = places.list();
    let wanted = wanted(session, session.context(app).catalog, database, id, one_of)?;
    let located = |wanted| {
        let copies = locate(&session.context(app), database, wanted, &list);
        copies.map_err(|error| session.no_backup_yet(database, error))
    };
    // The newest one, also when it is known as damaged: passing over it would say that all is well.
    let known = match wanted {
        Wanted::Id(id) => Some(id),
        Wanted::Newest => session.catalog()?.newest_backup(database, false)?.map(|backup| backup.id),
        Wanted::NewestOf(_) | Wanted::NewestCombined => {
            let newest = session.catalog()?.backups(&wanted.newest(database))?;
            newest.first().map(|backup| backup.id)
        }
    };
    let id = known.map_or_else(|| newest(&located(wanted)?), Ok)?;
    let recorded = session.catalog()?.backup_copies(database, id)?;
    let held: Vec<_> = match recorded.is_empty() {
        true => located(Wanted::Id(id))?.into_iter().map(|copy| copy.storage).collect(),
        false => recorded.iter().map(|copy| copy.storage.to_string()).collect(),
    };
    // A backup that the catalog does not know is read all the same; only its state has no place to be kept.
    let catalog = session.context(app).catalog.filter(|_| !recorded.is_empty());
    let context = Context { catalog, ticket: ticket.as_ref(), ..session.context(app) };
    let mut reports: Vec<VerifyReport> = Vec::new();
    let mut failures: Vec<Error> = Vec::new();
    for place in list {
        // A storage that never had it is no failure, unless it was asked for.
        if storages.is_empty() && !held.iter().any(|storage| storage == place.name.as_str()) {
            continue;
        }
        match verify(&context, database, id, place, level) {
            Ok(report) => reports.push(report),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                app.watcher.finish(false);
                failures.push(error.context("backup", id).context("storage", place.name));
            }
        }
    }
    if !reports.is_empty() {
        app.print(&reports, || reports.iter().map(|report| line(app, report)).collect())?;
    }
    outcome(database, &held, reports.len(), failures)
}

/// The first failure, with how many copies are whole and what can be done.
fn outcome(database: &Name, held: &[String], whole: usize, failures: Vec<Error>) -> Result<()> {
    let failed = failures.len();
    let Some(first) = failures.into_iter().next() else {
        if whole > 0 {
            return Ok(());
        }
        let error = Error::new(ErrorKind::NotFound, "none of these storages has this backup");
        return Err(error.hint(format!("it is in: {}; name that one with --storage", held.join(", "))));
    };
    let first = if failed + whole > 1 { first.context("copies that are whole", whole) } else { first };
    Err(match (first.kind(), whole) {
        (ErrorKind::DamagedBackup, 0) => first.hint(format!(
            "do not count on this copy: `cadangkan backup {database}` makes a new one, `cadangkan backups list {database}` shows older ones"
        )),
        (ErrorKind::DamagedBackup, _) => first.hint("a restore from the whole copy works: name its storage with --storage"),
        _ => first,
    })
}

fn newest(copies: &[cadangkan_ops::stored::StoredBackup]) -> Result<BackupId> {
    let ids = copies.iter().map(|copy| copy.manifest.backup_id);
    ids.max().ok_or_else(|| Error::new(ErrorKind::Internal, "no copy was found"))
}

fn line(app: &App, report: &VerifyReport) -> String {
    let mark = app.style.good_mark();
    let read = format_bytes(report.size_bytes);
    let decoded = match report.level {
        VerifyLevel::Checksum => "every stored byte is the one that was written".to_owned(),
        VerifyLevel::Read => format!(
            "decoded to {} in {} frames, all as written",
            format_bytes(report.raw_bytes),
            report.frames
        ),
    };
    format!("{mark} {} in {}: read {read}; {decoded}\n", report.backup_id, report.storage)
}
