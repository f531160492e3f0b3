use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::adopt;

use crate::app::{App, CatalogNeed};

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan adopt home\n  cadangkan adopt offsite --output json")]
pub(crate) struct AdoptArgs {
    /// The storage
    storage: Name,
}

/// Rebuilds the catalog from what a storage holds.
pub(crate) fn run(app: &App, args: &AdoptArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let places = session.open_storage(&args.storage)?;
    let [place] = places.list()[..] else { return Err(Error::new(ErrorKind::Internal, "not one storage")) };
    let report = adopt::adopt(&session.context(app), place)?;
    let refused = report.refused.len();
    app.print(&report, || {
        let databases = if report.databases.is_empty() { "none".to_owned() } else { report.databases.join(", ") };
        format!("Adopted {} backups; databases: {databases}\n", report.adopted)
    })?;
    if refused == 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Partial, format!("{refused} of what looked like backups were refused"))
        .hint("the messages above name each with its reason; the others are in the catalog"))
}
