use cadangkan_core::format_bytes;
use jiff::tz::TimeZone;

use super::collect::{Event, Made, Part, Report, Total};
use crate::ui::time::format_time;
use crate::ui::{escape, labels};

/// The most characters of a line, which fit on a page.
pub(super) const COLUMNS: usize = 100;

/// A line, and how it looks on paper.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) look: Look,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Title,
    Heading,
    /// What stands over columns.
    Head,
    Plain,
}

/// The report as lines of at most [`COLUMNS`] characters.
pub(super) fn lines(report: &Report, zone: &TimeZone) -> Vec<Line> {
    let mut lines = Lines(Vec::new());
    lines.push(Look::Title, &format!("Backups of {}", report.month));
    lines.plain(&format!(
        "{} to {}, {}",
        format_time(report.from, zone),
        format_time(report.until, zone),
        report.zone
    ));
    let is_over = if report.is_whole { "" } else { "; the month is not over" };
    lines.plain(&format!(
        "Made {} by cadangkan {}{is_over}",
        format_time(report.made_at, zone),
        env!("CARGO_PKG_VERSION")
    ));
    lines.plain("");
    lines.totals(&report.total);
    if report.databases.is_empty() {
        lines.plain("There is no database, and there was none.");
        return lines.0;
    }
    lines.plain("");
    let head = format!(
        "{:<32} {:>8} {:>10} {:>7} {:>8} {:>9} {:>8}",
        "DATABASE", "BACKUPS", "SIZE", "FAILED", "PARTIAL", "VERIFIED", "RESTORED"
    );
    lines.push(Look::Head, &head);
    for part in &report.databases {
        let Total { backups, size_bytes, failed, partial, verifications, restores, .. } = part.total;
        let name = clipped(&part.name, 32);
        let size = format_bytes(size_bytes);
        lines.plain(&format!(
            "{name:<32} {backups:>8} {size:>10} {failed:>7} {partial:>8} {verifications:>9} {restores:>8}"
        ));
    }
    report.databases.iter().for_each(|part| lines.part(part, zone));
    lines.0
}

/// What is to be said of the numbers, a line each.
pub(super) fn facts(total: &Total) -> Vec<(&'static str, String)> {
    let failed = |failed: u64| if failed == 0 { String::new() } else { format!(", {failed} failed") };
    let copies = if total.copies_now == 1 { "copy" } else { "copies" };
    vec![
        ("Backups made", format!("{}, {} stored", total.backups, format_bytes(total.size_bytes))),
        ("Failed", format!("{}; partial {}, stopped {}", total.failed, total.partial, total.stopped)),
        ("Not made", format!("{} missed, {} left out", total.missed, total.skipped)),
        ("Verifications", format!("{}{}", total.verifications, failed(total.verifications_failed))),
        ("Restores", format!("{}{}", total.restores, failed(total.restores_failed))),
        ("Kept now", format!("{} {copies}, {}", total.copies_now, format_bytes(total.bytes_now))),
    ]
}

/// Lists of one database, each with a heading.
pub(super) fn events(part: &Part) -> [(&'static str, &[Event]); 4] {
    [
        ("Backups that failed or are not whole", &part.failures),
        ("Scheduled runs that were not made", &part.left_out),
        ("Verifications", &part.verifications),
        ("Restores", &part.restores),
    ]
}

/// What an event says besides its time and result.
pub(super) fn about(event: &Event) -> String {
    let parts = [&event.backup_id, &event.place, &event.message];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("  ")
}

struct Lines(Vec<Line>);

impl Lines {
    fn push(&mut self, look: Look, text: &str) {
        let safe = escape(text);
        let characters: Vec<char> = safe.chars().collect();
        if characters.is_empty() {
            self.0.push(Line { text: String::new(), look });
        }
        for piece in characters.chunks(COLUMNS) {
            self.0.push(Line { text: piece.iter().collect::<String>().trim_end().to_owned(), look });
        }
    }

    fn plain(&mut self, text: &str) {
        self.push(Look::Plain, text);
    }

    fn totals(&mut self, total: &Total) {
        for (what, text) in facts(total) {
            self.plain(&format!("{what:<14} {text}"));
        }
    }

    fn part(&mut self, part: &Part, zone: &TimeZone) {
        self.plain("");
        self.push(Look::Heading, &part.name);
        let engine = part.engine.unwrap_or("not configured any more");
        let own = labels(&part.labels);
        self.plain(&if own.is_empty() { engine.to_owned() } else { format!("{engine}; {own}") });
        self.totals(&part.total);
        if !part.backups.is_empty() {
            self.plain("");
            self.push(
                Look::Head,
                &format!(
                    "{:<21} {:<19} {:<8} {:<8} {:>10}  {:<10} STORAGES",
                    "BACKUP", "MADE", "TYPE", "STATE", "SIZE", "VERIFIED"
                ),
            );
            part.backups.iter().for_each(|made| self.made(made, zone));
        }
        for (heading, events) in events(part).into_iter().filter(|(_, events)| !events.is_empty()) {
            self.plain("");
            self.push(Look::Head, &heading.to_uppercase());
            for event in events {
                let time = format_time(event.at, zone);
                self.plain(&format!("{time}  {:<9}  {}", event.status, about(event)));
            }
        }
    }

    fn made(&mut self, made: &Made, zone: &TimeZone) {
        let size = made.size_bytes.map(format_bytes).unwrap_or_default();
        let verified = made.verified_at.map(|at| date(&format_time(at, zone))).unwrap_or_default();
        let storages = made.storages.join(", ");
        self.plain(&format!(
            "{:<21} {:<19} {:<8} {:<8} {size:>10}  {verified:<10} {storages}",
            made.backup_id.to_string(),
            format_time(made.at, zone),
            clipped(&made.trigger, 8),
            clipped(&made.state, 8),
        ));
    }
}

fn clipped(text: &str, most: usize) -> String {
    let text = escape(text);
    match text.chars().nth(most) {
        None => text.into_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn date(time: &str) -> String {
    time.split(' ').next().unwrap_or_default().to_owned()
}
