use std::path::PathBuf;

use cadangkan_archive::{Kdf, PublicKey, Recipient, Recipients};
use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::Context;
use cadangkan_ops::rekey::{Change, RekeyReport, rekey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::app::{App, CatalogNeed, Session};
use crate::commands::ticket::TicketArgs;
use crate::encryption::{KeyFlags, read_key_file};
use crate::inventory::Wishes;
use crate::secrets::read_file;
use crate::ui::count::count;
use crate::ui::error::to_json;
use crate::ui::escape;

/// Arguments of `key add`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Manifests are written anew, archives are not touched. New backups follow the configuration.\n\nExamples:\n  cadangkan key add shop --recipient age1…\n  cadangkan key add shop --for-passphrase-file ops.txt --dry-run"
)]
pub(super) struct AddArgs {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `key remove`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Who has the key and a copy of an archive can still open that copy: its header keeps what was there when it was made. To be sure, delete such backups.\n\nExamples:\n  cadangkan key remove shop --recipient age1…"
)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `key rotate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "First change the configuration, then rotate: the data key of each backup is opened with the old key and sealed for the new ones. Archives are not touched. What was done stays done: after a stop, run it again.\n\nExamples:\n  cadangkan key rotate shop --passphrase-file old.txt --dry-run\n  cadangkan key rotate shop --passphrase-file old.txt"
)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    whose: Whose,
}

/// Whose backups are meant, and what opens them now.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The database
    database: Name,
    /// Only what is in this storage; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    keys: KeyFlags,
}

/// Which key is added or taken away.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// A public key: age1…; may be given more than once
    #[arg(long, value_name = "KEY")]
    recipient: Vec<PublicKey>,
    /// The passphrase in this file
    #[arg(long, value_name = "FILE")]
    for_passphrase_file: Option<PathBuf>,
    /// The key of 32 bytes in this file
    #[arg(long, value_name = "FILE")]
    for_key_file: Option<PathBuf>,
}

/// Lets stored backups open for one more.
pub(super) fn add(app: &App, args: &AddArgs) -> Result<()> {
    change(app, &args.whose, |_| args.which.recipients(), &|recipients| Change::Add(recipients))
}

/// Lets stored backups open for one fewer.
pub(super) fn remove(app: &App, args: &RemoveArgs) -> Result<()> {
    change(app, &args.whose, |_| args.which.recipients(), &|recipients| Change::Remove(recipients))
}

/// Lets stored backups open for the configured ones.
pub(super) fn rotate(app: &App, args: &RotateArgs) -> Result<()> {
    let configured = |session: &Session| {
        let entry = session.inventory.database(args.whose.database.as_str())?;
        let encryption = entry.encryption(&session.inventory.effective(entry, &Wishes::default()))?;
        encryption.map(|encryption| encryption.recipients).ok_or_else(|| {
            let message = format!("no encryption is configured for \"{}\"", entry.name);
            Error::new(ErrorKind::Configuration, message).hint(
                "write the new keys under `encryption:` first; `cadangkan key add` needs no configuration",
            )
        })
    };
    change(app, &args.whose, configured, &|recipients| Change::Rotate(recipients))
}

impl Which {
    fn recipients(&self) -> Result<Recipients> {
        let mut recipients: Vec<_> = self.recipient.iter().copied().map(Recipient::PublicKey).collect();
        if let Some(path) = &self.for_passphrase_file {
            let passphrase = Zeroizing::new(read_file(path)?);
            recipients.push(Recipient::Passphrase(passphrase, Kdf::default()));
        }
        if let Some(path) = &self.for_key_file {
            recipients.push(Recipient::KeyFile(read_key_file(path)?));
        }
        Recipients::new(&recipients)
    }
}

/// Changes the stored backups of a database, and says what is left.
fn change(
    app: &App,
    whose: &Whose,
    recipients: impl FnOnce(&Session) -> Result<Recipients>,
    change: &dyn Fn(&Recipients) -> Change<'_>,
) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    whose.keys.lend(&session)?;
    let (database, recipients) = (&whose.database, recipients(&session)?);
    let ticket = whose.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let places = session.places_for(database, &whose.storage)?;
    let places = places.list();
    let report = rekey(&context, database, &places, change(&recipients), app.global.dry_run)?;
    app.finish_progress();
    let failed: Vec<_> = report.failed.iter().map(|(_, error)| to_json(error)).collect();
    let away: Vec<_> = report.away.iter().map(|(_, error)| to_json(error)).collect();
    let value = json!({ "changed": report.changed, "unchanged": report.unchanged,
        "not_encrypted": report.plain, "failed": failed, "away": away, "dry_run": app.global.dry_run });
    app.print(&value, || text(app, &report))?;
    outcome(report)
}

fn text(app: &App, report: &RekeyReport) -> String {
    let mark = if report.failed.is_empty() && report.away.is_empty() {
        app.style.good_mark()
    } else {
        app.style.warning_mark()
    };
    let would = if app.global.dry_run { "Would change" } else { "Changed" };
    let copies = |number: usize| count(number as u64, "stored backup");
    let mut text = format!("{mark} {would} {}", copies(report.changed.len()));
    let by = |number: u64, one: &'static str, more: &'static str| if number == 1 { one } else { more };
    if report.unchanged > 0 {
        let were = by(report.unchanged, "was", "were");
        text.push_str(&format!("; {} {were} so already", report.unchanged));
    }
    if report.plain > 0 {
        text.push_str(&format!("; {} {} not encrypted", report.plain, by(report.plain, "is", "are")));
    }
    if !report.failed.is_empty() {
        let left = by(report.failed.len() as u64, "is left as it was", "are left as they were");
        text.push_str(&format!("; {} {left}", report.failed.len()));
    }
    text.push('\n');
    for rekeyed in report.changed.iter().filter(|_| app.global.dry_run || app.global.verbose) {
        let whom = rekeyed.opens_with.join(", ");
        text.push_str(&format!("  {} in {}: {}\n", rekeyed.backup_id, rekeyed.storage, escape(&whom)));
    }
    for (archive, error) in &report.failed {
        text.push_str(&format!("  as it was: {}: {}\n", escape(archive), escape(&error.to_string())));
    }
    for (storage, error) in &report.away {
        text.push_str(&format!("  not looked at: {storage}: {}\n", escape(&error.to_string())));
    }
    text
}

/// Fails with the first reason where something is left.
fn outcome(mut report: RekeyReport) -> Result<()> {
    let (left, away) = (report.failed.len(), std::mem::take(&mut report.away));
    let storages: Vec<_> = away.iter().map(|(storage, _)| storage.to_string()).collect();
    let failed = report.failed.into_iter().map(|(archive, error)| error.context("archive", archive));
    let Some(first) = failed.chain(away.into_iter().map(|(_, error)| error)).next() else { return Ok(()) };
    if report.changed.is_empty() && report.unchanged == 0 {
        return Err(first);
    }
    let mut error = match left {
        0 => Error::new(ErrorKind::Partial, "not every storage could be looked at"),
        left => Error::new(ErrorKind::Partial, format!("{left} of the stored backups were not changed")),
    };
    if !storages.is_empty() {
        error = error.context("not looked at", storages.join(", "));
    }
    let advice = match left {
        0 => "run it again when that is repaired: what is done stays done",
        _ => {
            "give what opens them with --passphrase-file or --key-file, and run it again: what is done stays done"
        }
    };
    Err(error.source(first).hint(advice))
}
