use std::collections::BTreeMap;
use std::fmt::Write;

use cadangkan_catalog::{BackupFilter, BackupRecord, Run, RunFilter};
use cadangkan_core::{Clock, Name, Result, format_bytes};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::commands::list;
use crate::config::RetentionSettings;
use crate::encryption::EncryptionSettings;
use crate::inventory::{EffectiveOptions, Wishes};
use crate::ui::selection::describe;
use crate::ui::time::format_age;
use crate::ui::{escape, labels};

/// Arguments of `info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan info shop\n  cadangkan info shop --output json")]
pub(crate) struct InfoArgs {
    /// The database
    database: String,
}

/// Shows a database: where it is, what counts for it, its last backup and its last runs. Connects to nothing.
pub(crate) fn run(app: &App, args: &InfoArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    let catalog = session.catalog()?;
    // Runs whose process is gone are ended first, so that what is shown is true.
    cadangkan_ops::reap(&session.context(app))?;
    let newest = catalog.newest_backup(&entry.name, false)?;
    let (count, bytes) = catalog
        .count_backups(&BackupFilter { database: Some(entry.name.clone()), ..BackupFilter::default() })?;
    let filter = RunFilter { database: Some(entry.name.clone()), limit: Some(5), ..RunFilter::default() };
    let runs = catalog.runs(&filter)?;
    let effective = session.inventory.effective(entry, &Wishes::default());
    let upload_after = session.inventory.upload_after(entry);
    let mut value = list::value(entry, newest.as_ref());
    if let Some(map) = value.as_object_mut() {
        map.insert("options".into(), json!(effective));
        map.insert("tags".into(), json!(entry.options.tags));
        map.insert("upload_after".into(), json!(upload_after));
        map.insert("backups".into(), json!({ "count": count, "size_bytes": bytes }));
        map.insert("runs".into(), json!(runs));
    }
    app.print(&value, || {
        let mut text = String::new();
        let location = entry.location().map(|location| location.to_string()).unwrap_or_default();
        let storage = storages(&upload_after, &effective.storage.value);
        let last = newest.as_ref().map_or("never".to_owned(), |backup| in_words(app, backup));
        let lines = [
            ("Database", entry.name.to_string()),
            ("Engine", entry.engine.display_name.to_owned()),
            ("Location", location),
            ("Defined in", entry.origin.to_string()),
            (
                "Enabled",
                if entry.enabled {
                    "yes"
                } else if entry.paused {
                    "paused"
                } else {
                    "no"
                }
                .to_owned(),
            ),
            ("Production", if entry.options.production { "yes" } else { "no" }.to_owned()),
            ("Storage", format!("{storage} ({})", effective.storage.origin)),
            (
                "Compression",
                format!(
                    "{} level {} ({})",
                    effective.compression.value, effective.level.value, effective.compression.origin
                ),
            ),
            (
                "Encryption",
                format!(
                    "{} ({})",
                    effective
                        .encryption
                        .value
                        .as_ref()
                        .map_or("none".to_owned(), EncryptionSettings::describe),
                    effective.encryption.origin
                ),
            ),
            ("Retention", format!("{} ({})", retention(&effective), effective.retention.origin)),
            ("Shrink guard", format!("{} ({})", effective.shrink_guard.value, effective.shrink_guard.origin)),
            (
                "Check",
                format!("{} ({})", if effective.check.value { "yes" } else { "no" }, effective.check.origin),
            ),
            (
                "Selection",
                format!(
                    "{} ({})",
                    describe(&effective.backup.value.selection()).unwrap_or_else(|| "everything".to_owned()),
                    effective.backup.origin
                ),
            ),
            (
                "Ticket",
                format!(
                    "{} ({})",
                    if effective.require_ticket.value { "required" } else { "not required" },
                    effective.require_ticket.origin
                ),
            ),
            ("Labels", labels(&entry.options.labels())),
            ("Last backup", last),
            ("Backups", format!("{count}, {}", format_bytes(bytes))),
        ];
        for (label, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "{label:<12} {}", escape(&value));
        }
        text + &runs_text(app, &runs)
    })
}

fn in_words(app: &App, backup: &BackupRecord) -> String {
    let age = format_age(backup.created_at, app.clock.now());
    format!("{} ({age}, {})", backup.id, format_bytes(backup.size_bytes))
}

/// Which backups stay, in words.
fn retention(effective: &EffectiveOptions) -> String {
    let policy = effective.retention.value.as_ref().map(RetentionSettings::policy);
    match policy {
        None => "all".to_owned(),
        Some(Ok(policy)) => policy.to_string(),
        Some(Err(error)) => error.to_string(),
    }
}

/// The storages of a database, with how old a backup has to be for those that get it later.
fn storages(upload_after: &BTreeMap<Name, String>, names: &[Name]) -> String {
    let later = |name| upload_after.get(name).map(|time| format!(" after {time}"));
    let names = names.iter().map(|name| format!("{name}{}", later(name).unwrap_or_default()));
    names.collect::<Vec<_>>().join(", ")
}

/// The last runs, newest first, with the reason of those that failed.
pub(crate) fn runs_text(app: &App, runs: &[Run]) -> String {
    let mut text = String::new();
    if !runs.is_empty() {
        text.push_str("\nLast runs\n");
    }
    for run in runs {
        let age = format_age(run.started_at, app.clock.now());
        let error =
            run.error.as_ref().map(|error| format!(": {}", escape(&error.message))).unwrap_or_default();
        let ticket = run.ticket.as_deref().map(|ticket| format!(", for {}", escape(ticket)));
        let ticket = ticket.unwrap_or_default();
        let _ = writeln!(text, "  {:<8} {:<10} {age}{ticket}{error}", run.kind.as_str(), run.status.as_str());
    }
    text
}
