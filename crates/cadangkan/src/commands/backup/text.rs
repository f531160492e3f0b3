use std::time::Duration;

use cadangkan_archive::Manifest;
use cadangkan_core::{bytes_per_second, format_bytes, format_duration};
use cadangkan_ops::backup::{BackupPlan, BackupReport, Copy, FailedCopy};

use crate::app::App;
use crate::ui::count::count;
use crate::ui::selection::describe;
use crate::ui::{escape, words};

/// What a person looks at before a backup, and answers a question about.
pub(super) fn plan_text(engine: &str, plan: &BackupPlan) -> String {
    let server = &plan.dump.server.version;
    let mut lines = vec![
        format!("Database:     {} ({engine} {})", escape(&plan.database), escape(server)),
        format!("Objects:      {}", plan.dump.objects.len()),
    ];
    lines.extend(plan.dump.estimated_bytes.map(|bytes| format!("To read:      {}", format_bytes(bytes))));
    let last = plan.last_size_bytes.map(|bytes| format!("Last archive: {}", format_bytes(bytes)));
    lines.extend(last);
    lines.push(format!("Archive:      {}", plan.archive));
    lines.push(format!("Beside it:    {}", beside(plan)));
    lines.extend(settings(plan));
    lines.extend(plan.dump.warnings.iter().map(|warning| format!("Warning:      {}", escape(warning))));
    lines.join("\n") + "\n"
}

/// The endings of the files beside an archive.
pub(super) fn beside(plan: &BackupPlan) -> String {
    let endings = plan.files.iter().map(|file| match file.strip_prefix(&plan.archive) {
        Some(ending) => ending.to_owned(),
        // A side file has other endings instead.
        None => {
            let same = |(one, other): &(char, char)| one == other;
            let common: usize =
                file.chars().zip(plan.archive.chars()).take_while(same).map(|(one, _)| one.len_utf8()).sum();
            format!(".{}", file.get(common..).unwrap_or_default())
        }
    });
    endings.filter(|ending| !ending.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The settings that count for a backup, a line each.
pub(super) fn settings(plan: &BackupPlan) -> Vec<String> {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut lines = vec![
        format!("Selection:    {}", escape(describe(&plan.selection).as_deref().unwrap_or("everything"))),
        format!("Storages:     {}", plan.storages.join(", ")),
        format!("Compression:  {}", plan.codec),
        format!("Encryption:   {}", plan.encryption.unwrap_or("none")),
        format!("Check:        {}", yes(plan.check)),
        format!("Fingerprints: {}", yes(plan.fingerprints)),
        format!("Memory:       at most {} for frames", format_bytes(plan.memory_bytes)),
    ];
    let tags = Some(plan.tags.join(", ")).filter(|tags| !tags.is_empty());
    lines.extend(tags.map(|tags| format!("Tags:         {}", escape(&tags))));
    lines.extend(plan.ticket.iter().map(|ticket| format!("Ticket:       {ticket}")));
    lines
}

/// Whom an encrypted backup opens for.
pub(crate) fn opens_with(manifest: &Manifest) -> Option<String> {
    let keys = manifest.encryption.keys.iter().map(|wrap| wrap.kind.describe());
    manifest.encryption.is_encrypted().then(|| keys.collect::<Vec<_>>().join(", or "))
}

/// How fast a storage took its copy: `cloud: 187 MB in 2.1s, 89 MB/s`.
fn written(copy: &Copy) -> String {
    let took = Duration::from_secs_f64(copy.write_seconds.max(0.0));
    let rate = bytes_per_second(copy.size_bytes, took);
    let rate = rate.map(|rate| format!(", {}/s", format_bytes(rate))).unwrap_or_default();
    format!("{}: {} in {}{rate}", copy.storage, format_bytes(copy.size_bytes), format_duration(took))
}

/// What a person wants to know of a backup that was just made.
pub(super) fn report_text(app: &App, engine: &str, report: &BackupReport, configured: bool) -> String {
    let manifest = &report.manifest;
    let archive = &manifest.archive;
    let headline = match (report.failed_copies.is_empty(), manifest.suspect.is_empty()) {
        (true, true) => format!("{} Backup complete", app.style.good_mark()),
        (true, false) => format!("{} Backup complete, but it looks wrong", app.style.warning_mark()),
        (false, _) => format!("{} Backup complete, but not in every storage", app.style.warning_mark()),
    };
    let mut lines = vec![
        headline,
        String::new(),
        format!("Backup ID:  {}", manifest.backup_id),
        format!("Database:   {} ({engine} {})", escape(&manifest.database), escape(&manifest.server_version)),
        format!(
            "Size:       {} (compressed from {})",
            format_bytes(archive.size_bytes),
            format_bytes(archive.raw_bytes)
        ),
        format!(
            "Duration:   {}",
            format_duration(Duration::from_secs_f64(manifest.duration_seconds.max(0.0)))
        ),
        format!("Tables:     {}", manifest.tables_count),
    ];
    if !manifest.databases.is_empty() {
        lines.insert(
            4,
            format!("Holds:      {}, all of one moment", count(manifest.databases.len() as u64, "database")),
        );
    }
    lines.extend(
        describe(&manifest.selection)
            .map(|selection| format!("Selection:  {}: this is not the whole database", escape(&selection))),
    );
    lines.extend(manifest.suspect.iter().map(|reason| format!("Suspect:    {}", escape(reason))));
    lines.extend(words(&manifest.position).map(|position| format!("Position:   {}", escape(&position))));
    lines.extend(manifest.ticket.iter().map(|ticket| format!("Ticket:     {}", escape(ticket))));
    lines.extend(manifest.check.iter().map(|check| format!("Checked:    {check} found no fault")));
    lines.extend(
        manifest.side_files.iter().map(|side| format!("Beside:     {} ({})", escape(&side.file), side.kind)),
    );
    lines.extend(
        opens_with(manifest).map(|whom| {
            format!("Encrypted:  {}, for {}", escape(&manifest.encryption.cipher), escape(&whom))
        }),
    );
    lines.extend(report.copies.iter().map(|copy| format!("Location:   {}", escape(&copy.location))));
    if report.copies.len() > 1 {
        lines.extend(report.copies.iter().map(|copy| format!("Written:    {}", written(copy))));
    }
    let missing = |failed: &FailedCopy| format!("Missing in: {}", failed.storage);
    lines.extend(report.failed_copies.iter().map(missing));
    if configured && !app.global.quiet {
        let (database, id) = (&manifest.database_name, manifest.backup_id);
        lines.extend([
            String::new(),
            "Next steps:".to_owned(),
            format!("  cadangkan restore {database} --from {id} --dry-run"),
            format!("  cadangkan verify {database} {id}"),
        ]);
        let accept = format!(
            "  cadangkan backups accept {database} {id}    if it is right; no old backup goes before"
        );
        lines.extend((!manifest.suspect.is_empty()).then_some(accept));
    }
    lines.join("\n") + "\n"
}
