use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_ops::stored::locate;
use cadangkan_ops::verify::{VerifyLevel, VerifyReport, verify};

use crate::app::{App, CatalogNeed};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan verify shop                     # the newest backup\n  cadangkan verify shop 2026-01-15-143022 --level checksum")]
pub(crate) struct VerifyArgs {
    /// The database
    database: Name,
    /// The backup [default: the newest]
    id: Option<BackupId>,
    /// How deep to look
    #[arg(long, value_enum, default_value = "read")]
    level: Level,
    /// Only the copies in this storage; may be given more than once
    #[arg(long, value_name = "NAME")]
    storage: Vec<Name>,
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
    let level = match args.level {
        Level::Checksum => VerifyLevel::Checksum,
        Level::Read => VerifyLevel::Read,
    };
    verify_copies(app, &args.database, args.id, &args.storage, level)
}

/// Verifies the copies of a backup in the named storages, or in all that have it.
pub(crate) fn verify_copies(
    app: &App,
    database: &Name,
    id: Option<BackupId>,
    storages: &[Name],
    level: VerifyLevel,
) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let places = session.places_for(database, storages)?;
    let context = session.context(app);
    let list = places.list();
    let id = match id {
        Some(id) => id,
        None => newest(&locate(&context, database, None, &list)?)?,
    };
    let recorded = session.catalog()?.backup_copies(database, id)?;
    let mut reports: Vec<VerifyReport> = Vec::new();
    let mut failure: Option<Error> = None;
    for place in list {
        let known = recorded.is_empty() || recorded.iter().any(|copy| copy.storage == *place.name);
        if !known && storages.is_empty() {
            continue;
        }
        match verify(&context, database, id, place, level) {
            Ok(report) => reports.push(report),
            // Without a record, a storage that never had it is no failure.
            Err(error) if recorded.is_empty() && error.kind() == ErrorKind::NotFound && storages.is_empty() => {
                failure = failure.or(Some(error));
            }
            Err(error) => return Err(error.context("backup", id).context("storage", place.name)),
        }
    }
    if let Some(error) = failure.filter(|_| reports.is_empty()) {
        return Err(error);
    }
    app.print(&reports, || reports.iter().map(|report| line(app, report)).collect())
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
        VerifyLevel::Read => format!("decoded to {} in {} frames, all as written", format_bytes(report.raw_bytes), report.frames),
    };
    format!("{mark} {} in {}: read {read}; {decoded}\n", report.backup_id, report.storage)
}
