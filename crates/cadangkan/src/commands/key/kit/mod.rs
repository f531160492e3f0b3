//! The recovery kit: one page for the safe, with what is needed when everything else is gone.

mod page;
mod pdf;

use std::path::{Path, PathBuf};

use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use serde_json::json;
use zeroize::Zeroizing;

use super::generate::write_secret;
use crate::app::{App, CatalogNeed};
use crate::inventory::Wishes;
use crate::ui::escape;
use crate::ui::time::format_time;
use page::Page;

/// Arguments of `key kit`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Print it, and keep it apart from the machine and from the storage. With the secrets in it, whoever finds it can read the backups.\n\nExamples:\n  cadangkan key kit shop\n  cadangkan key kit shop --to kit.pdf --with-secrets"
)]
pub(in crate::commands::key) struct KitArgs {
    /// The database
    database: Name,
    /// The file to write, a PDF when its name ends in .pdf [default: text on the standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Put in what opens the backups: passphrase, key file, private keys, as far as they are configured here
    #[arg(long)]
    with_secrets: bool,
}

/// Puts the page together, and writes it down.
pub(in crate::commands::key) fn run(app: &App, args: &KitArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(args.database.as_str())?;
    let effective = session.inventory.effective(entry, &Wishes::default());
    let secrets = match (&effective.encryption.value, args.with_secrets) {
        (Some(settings), true) => entry.opening_secrets(settings)?,
        (None, true) => {
            let message = format!("no encryption is configured for \"{}\"", entry.name);
            return Err(Error::new(ErrorKind::Configuration, message).hint("leave out --with-secrets"));
        }
        _ => Vec::new(),
    };
    let storages = session.inventory.storages_of(entry)?;
    let page =
        Page::new(entry, &effective, &storages, secrets, &format_time(app.clock.now(), &session.zone()))?;
    let Some(to) = &args.to else {
        return app.print(&json!({ "kit": page.text()?.as_str() }), || {
            page.text().map(|text| text.to_string()).unwrap_or_default()
        });
    };
    let bytes = match is_pdf(to) {
        true => Zeroizing::new(pdf::write(&page)?),
        false => Zeroizing::new(page.text()?.as_bytes().to_vec()),
    };
    if !app.global.dry_run {
        write_secret(to, &bytes)?;
    }
    let value = json!({ "file": to, "with_secrets": args.with_secrets, "dry_run": app.global.dry_run });
    app.print(&value, || {
        let would = if app.global.dry_run { "Would write" } else { "Wrote" };
        format!("{} {would} {}\n", app.style.good_mark(), escape(&to.to_string_lossy()))
    })
}

fn is_pdf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pdf"))
}
