use std::time::Duration;

use cadangkan_core::{Clock, format_bytes, format_duration};
use cadangkan_engine::LoadMode;
use cadangkan_ops::restore::{RestorePlan, RestoreReport};

use crate::app::{App, Session};
use crate::ui::escape;
use crate::ui::selection::describe;
use crate::ui::time::{format_age, format_time};

/// What a person looks at before a restore, and answers a question about.
pub(super) fn plan_text(app: &App, session: &Session, plan: &RestorePlan) -> String {
    let mut lines = Vec::new();
    if plan.load.destructive {
        lines.push(format!("{} {}", app.message_style.warning_mark(), danger(plan.mode)));
        lines.push(String::new());
    }
    lines.push("Backup to restore:".to_owned());
    if let Some(backup) = &plan.backup {
        let (created, age) = (backup.created_at, format_age(backup.created_at, app.clock.now()));
        lines.push(format!("  ID:       {} of {}", backup.backup_id, backup.database));
        lines.push(format!("  Created:  {} ({age})", format_time(created, &session.zone())));
        lines.push(format!("  Tables:   {}", backup.tables_count));
        lines.extend(
            describe(&backup.selection)
                .map(|selection| format!("  Holds:    {}: not the whole database", escape(&selection))),
        );
    }
    lines.push(format!("  Size:     {}", format_bytes(plan.archive_bytes)));
    let suspect = plan.backup.iter().flat_map(|backup| &backup.suspect);
    lines.extend(suspect.map(|reason| format!("  Suspect:  {}", escape(reason))));
    lines.push(format!("  Archive:  {}", escape(&plan.archive)));
    lines.push(String::new());
    lines.push("Target:".to_owned());
    lines.push(format!("  Location: {}", escape(&plan.target)));
    let present = plan.load.present.as_deref().unwrap_or("nothing");
    let size = plan.load.present_bytes.map(format_bytes).filter(|size| !present.contains(size.as_str()));
    let size = size.map(|size| format!(", {size}")).unwrap_or_default();
    lines.push(format!("  Present:  {}{size}", escape(present)));
    lines.push(format!("  Mode:     {}", plan.mode.as_str()));
    lines.push(String::new());
    lines.push("Steps:".to_owned());
    let before = [
        (plan.backup_first, "back up the target as it is, as a safety backup"),
        (plan.verify_first, "read and check the archive before anything is changed"),
    ];
    let before = before.into_iter().filter(|(wanted, _)| *wanted).map(|(_, step)| step);
    let steps = before.chain(plan.load.steps.iter().map(String::as_str)).enumerate();
    lines.extend(steps.map(|(position, step)| format!("  {}. {}", position + 1, escape(step))));
    let warning = |text: &String| format!("{} {}", app.message_style.warning_mark(), escape(text));
    lines.extend(plan.load.warnings.iter().map(warning));
    lines.join("\n") + "\n"
}

/// What a person confirms, in one sentence.
pub(super) fn danger(mode: LoadMode) -> &'static str {
    match mode {
        LoadMode::Recreate => "This drops the target with all it holds, and creates it again.",
        LoadMode::Data => "This adds rows to what is in the target.",
        LoadMode::Fresh | LoadMode::Replace | LoadMode::Clean => "This replaces what is in the target.",
    }
}

/// What a person wants to know of a restore that was just done.
pub(crate) fn report_text(app: &App, report: &RestoreReport) -> String {
    let mark = app.style.good_mark();
    let mut lines = vec![
        format!("{mark} Restore complete"),
        String::new(),
        format!("Target:     {}", escape(&report.target)),
        format!("Tables:     {}", report.tables),
        format!("Loaded:     {}", format_bytes(report.raw_bytes)),
        format!("Duration:   {}", format_duration(Duration::from_secs_f64(report.duration_seconds.max(0.0)))),
    ];
    lines.extend(report.proofs.iter().map(|proof| format!("Proved:     {}", escape(proof))));
    lines.extend(report.notes.iter().map(|note| format!("Note:       {}", escape(note))));
    if let Some(safety) = &report.safety {
        lines.push(format!("Safety:     the target as it was is backup {}", safety.manifest.backup_id));
    }
    lines.join("\n") + "\n"
}
