use std::path::{Path, PathBuf};

use cadangkan_archive::{Codec, CodecKind};
use cadangkan_core::{Error, ErrorKind, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::export::{Destination, ExportFormat, export};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_storage::Key;
use serde_json::json;

use super::Which;
use crate::app::{App, CatalogNeed};
use crate::commands::backup::open_folder;
use crate::commands::ticket::TicketArgs;
use crate::encryption::KeyFlags;
use crate::ui::escape;

/// Arguments of `backups export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups export shop 2026-01-15-143022 --to shop.db\n  cadangkan backups export shop 2026-01-15-143022 --to shop.sqlite.xz --format xz --level 9\n  cadangkan backups export shop 2026-01-15-143022 --to shop.zip --format zip"
)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    which: Which,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// What it is: plain, zip, or a codec: zstd, gzip, xz, zlib
    #[arg(long, value_name = "FORMAT", default_value = "plain")]
    format: String,
    /// The codec's level
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    level: Option<i32>,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    keys: KeyFlags,
}

/// Writes the plain content of a backup in another format, checked as it is read.
pub(super) fn run(app: &App, args: &ExportArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    args.keys.lend(&session)?;
    let Which { database, id, storage } = &args.which;
    let format = format(args)?;
    let to = absolute(&args.to)?;
    let (folder, key) = split(&to)?;
    let destination = open_folder(app, &folder)?;
    let ticket = args.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let places = session.places_for(database, storage)?;
    let list = places.list();
    let mut source = Source::stored(&context, database, Wanted::Id(*id), &list)
        .map_err(|error| session.no_backup_yet(database, error))?;
    let exists = destination.stat(&key)?;
    if app.global.dry_run {
        let plan = json!({ "from": source.location(), "to": to, "format": args.format, "replaces": exists.is_some() });
        return app.print(&plan, || format!("Would write {} from {}\n", to.display(), source.location()));
    }
    if let Some(info) = &exists {
        let about = format!("{} exists ({})", escape(&to.to_string_lossy()), format_bytes(info.size));
        app.confirm(&about, "Replace it?")?;
    }
    if let Some(cache) = session.cache() {
        cache.bring(&context, &mut source, true)?;
    }
    let destination = Destination { storage: destination.as_ref(), key: &key, overwrite: exists.is_some() };
    let report = export(&context, Some(database), &source, format, destination)?;
    app.finish_progress();
    app.print(&report, || {
        let mark = app.style.good_mark();
        format!("{mark} Wrote {} ({})\n", escape(&report.location), format_bytes(report.size_bytes))
    })
}

fn format(args: &ExportArgs) -> Result<ExportFormat> {
    match (args.format.as_str(), args.level) {
        ("zip", None) => Ok(ExportFormat::Zip),
        ("plain", None) => Ok(ExportFormat::Codec(Codec::new(CodecKind::None, None)?)),
        ("zip" | "plain", Some(_)) => Err(Error::new(ErrorKind::Usage, "this format has no levels")),
        (codec, level) => {
            let kind = codec.parse().map_err(|error: Error| error.hint("or plain, or zip"))?;
            Ok(ExportFormat::Codec(Codec::new(kind, level)?))
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::new(ErrorKind::Usage, "--to names no file").source(error))
}

/// Splits a path into its folder and the key of the file in it.
fn split(path: &Path) -> Result<(PathBuf, Key)> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let key =
        Key::new(name).map_err(|error| error.hint("name a file whose name does not begin with a dot"))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if folder.is_dir() {
        return Ok((folder.to_owned(), key));
    }
    Err(Error::new(ErrorKind::NotFound, "the folder of --to is not there")
        .context("path", folder.display())
        .hint("make it first, or name another one"))
}
