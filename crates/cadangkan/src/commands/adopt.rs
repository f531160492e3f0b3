use cadangkan_catalog::Catalog;
use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::{Context, adopt};

use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;
use crate::ui::count::count;
use crate::ui::escape;

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan adopt home\n  cadangkan adopt home --dry-run\n  cadangkan adopt offsite --output json"
)]
pub(crate) struct AdoptArgs {
    /// The storage
    storage: Name,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Rebuilds the catalog from what a storage holds.
pub(crate) fn run(app: &App, args: &AdoptArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let ticket = args.ticket.of(app, &session, &[])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let places = session.open_storage(&args.storage)?;
    let [place] = places.list()[..] else { return Err(Error::new(ErrorKind::Internal, "not one storage")) };
    let report = match app.global.dry_run {
        false => adopt::adopt(&context, place)?,
        true => {
            // What would be refused is only known by trying: with a catalog that is thrown away.
            let folder =
                tempfile::tempdir().map_err(|error| Error::io("cannot make a temporary folder", error))?;
            let catalog = Catalog::open(&folder.path().join("catalog.db"))?;
            adopt::adopt(&Context { catalog: Some(&catalog), ..context }, place)?
        }
    };
    let refused = report.refused.len();
    app.print(&report, || {
        let databases =
            if report.databases.is_empty() { "none".to_owned() } else { report.databases.join(", ") };
        let would = if app.global.dry_run { "Would adopt" } else { "Adopted" };
        let mark = if refused == 0 { app.style.good_mark() } else { app.style.warning_mark() };
        let mut text = format!(
            "{mark} {would} {}; databases: {}\n",
            count(report.adopted, "backup"),
            escape(&databases)
        );
        if report.adopted > 0 && !app.global.quiet && !app.global.dry_run {
            text.push_str(
                "\nNext steps:\n  cadangkan backups list\n  cadangkan restore <database> --to <path>\n",
            );
        }
        text
    })?;
    if refused == 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Partial, format!("{refused} of what looked like backups were refused"))
        .hint("the messages above name each with its reason; the others are in the catalog"))
}
