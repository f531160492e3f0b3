use std::fmt::Write;
use std::time::Duration;

use cadangkan_archive::{GitState, Manifest};
use cadangkan_core::{Result, format_bytes, format_duration};
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::{StoredBackup, locate};
use jiff::tz::TimeZone;

use super::Which;
use crate::app::{App, CatalogNeed};
use crate::commands::backup::text::opens_with;
use crate::ui::selection::describe;
use crate::ui::table::{Align, Table};
use crate::ui::time::format_time;
use crate::ui::{escape, labels};

/// Arguments of `backups info`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups info shop 2026-01-15-143022\n  cadangkan backups info shop 2026-01-15-143022 --output json | jq '.[0].manifest.objects'"
)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    which: Which,
}

/// Shows what the manifest says, read from each storage that has the backup.
pub(super) fn run(app: &App, args: &InfoArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let places = session.places_for(&args.which.database, &args.which.storage)?;
    let copies =
        locate(&session.context(app), &args.which.database, Wanted::Id(args.which.id), &places.list())
            .map_err(|error| session.no_backup_yet(&args.which.database, error))?;
    app.print(&copies, || text(app, &copies, &session.zone()))
}

fn text(app: &App, copies: &[StoredBackup], zone: &TimeZone) -> String {
    let Some(manifest) = copies.first().map(|copy| &copy.manifest) else { return String::new() };
    let archive = &manifest.archive;
    let mut lines = vec![
        ("Backup ID", manifest.backup_id.to_string()),
        ("Database", format!("{} ({})", manifest.database_name, manifest.database)),
        ("Engine", format!("{} {}", manifest.engine, manifest.server_version)),
        ("Type", format!("{}, {}", manifest.backup_type, manifest.trigger)),
        ("Schedule", manifest.schedule.clone().unwrap_or_default()),
        ("Created", format_time(manifest.created_at, zone)),
        ("Duration", format_duration(Duration::from_secs_f64(manifest.duration_seconds.max(0.0)))),
        (
            "Size",
            format!(
                "{} (compressed from {})",
                format_bytes(archive.size_bytes),
                format_bytes(archive.raw_bytes)
            ),
        ),
        ("Compression", format!("{} level {}, {} frames", archive.codec, archive.level, archive.frames)),
        ("Encryption", manifest.encryption.cipher.clone()),
        ("Opens with", opens_with(manifest).unwrap_or_default()),
        (
            "Selection",
            describe(&manifest.selection).map(|it| it + ": not the whole database").unwrap_or_default(),
        ),
        ("Beside", beside(manifest)),
        ("Checksum", archive.checksum.to_string()),
        ("Checked", manifest.check.clone().unwrap_or_else(|| "no".to_owned())),
        ("Preserved", if manifest.preserved { "yes" } else { "no" }.to_owned()),
        ("Ticket", manifest.ticket.clone().unwrap_or_default()),
        ("Tags", manifest.tags.join(", ")),
        ("Labels", labels(&manifest.labels)),
        ("Git", manifest.git.as_ref().map(git).unwrap_or_default()),
    ];
    lines.extend(
        copies.iter().map(|copy| ("Location", format!("{} (storage {})", copy.location, copy.storage))),
    );
    lines.extend(manifest.suspect.iter().map(|reason| ("Suspect", reason.clone())));
    lines.extend(manifest.warnings.iter().map(|warning| ("Warning", warning.clone())));
    let mut text = String::new();
    for (label, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{label:<12} {}", escape(value));
    }
    text + "\n" + &databases(app, manifest) + &objects(app, manifest)
}

/// The commit and the branch from which it was asked for.
fn git(state: &GitState) -> String {
    let branch = state.branch.as_ref().map(|branch| format!(" on {branch}"));
    format!("{}{}", state.commit, branch.unwrap_or_default())
}

/// The files that lie beside the archive and belong to the backup.
fn beside(manifest: &Manifest) -> String {
    let files = manifest.side_files.iter().map(|side| format!("{} ({})", side.file, side.kind));
    files.collect::<Vec<_>>().join(", ")
}

/// The databases, where there are several.
fn databases(app: &App, manifest: &Manifest) -> String {
    if manifest.databases.is_empty() {
        return String::new();
    }
    let columns = [
        ("database", Align::Left),
        ("tables", Align::Right),
        ("raw", Align::Right),
        ("stored", Align::Right),
        ("selection", Align::Left),
    ];
    let mut table = Table::new(columns);
    for part in &manifest.databases {
        table.row([
            part.name.clone().into(),
            part.tables_count.to_string().into(),
            format_bytes(part.raw_bytes).into(),
            format_bytes(part.stored_bytes).into(),
            describe(&part.selection).unwrap_or_default().into(),
        ]);
    }
    table.render(app.style) + "\n"
}

fn objects(app: &App, manifest: &Manifest) -> String {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut table = Table::new([
        ("object", Align::Left),
        ("kind", Align::Left),
        ("rows", Align::Right),
        ("fingerprint", Align::Left),
    ]);
    for object in &manifest.objects {
        table.row([
            object.name.to_string().into(),
            object.kind.to_string().into(),
            number(object.rows).into(),
            object.fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default().into(),
        ]);
    }
    table.render(app.style)
}
