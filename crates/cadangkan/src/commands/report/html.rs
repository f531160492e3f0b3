//! The report as one page of HTML that needs nothing else.

use std::fmt::Write;

use cadangkan_core::format_bytes;
use jiff::tz::TimeZone;

use super::collect::{Event, Part, Report, Total};
use super::text::{about, events, facts};
use crate::ui::labels;
use crate::ui::time::format_time;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;color:#1b2430;margin:2.5rem auto;max-width:62rem;padding:0 1.5rem}\
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.4rem 0 .2rem;border-top:1px solid #d5dbe3;padding-top:1.2rem}\
h3{font-size:.95rem;margin:1.4rem 0 .3rem}p{margin:.2rem 0;color:#55606e}\
dl{display:flex;flex-wrap:wrap;gap:.6rem 2rem;margin:1rem 0}dt{color:#55606e;font-size:.8rem}dd{margin:0;font-weight:600}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #e8ecf1;vertical-align:top}\
th{color:#55606e;font-size:.8rem}.n{text-align:right}.bad{color:#b3261e;font-weight:600}.warn{color:#8a5a00;font-weight:600}td:last-child{overflow-wrap:anywhere}\
@media print{body{margin:0;max-width:none;padding:0;font-size:11px}h2,h3{break-after:avoid}tr{break-inside:avoid}}";

/// Writes the page. Nothing in it comes from elsewhere, and whatever is text is only text.
pub(super) fn page(report: &Report, zone: &TimeZone) -> String {
    let month = &report.month;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Backups of {month}</title>\n<style>{STYLE}</style></head><body>\n\
         <h1>Backups of {month}</h1>\n<p>{} to {}, {}</p>\n<p>Made {} by cadangkan {}{}</p>\n",
        format_time(report.from, zone),
        format_time(report.until, zone),
        safe(&report.zone),
        format_time(report.made_at, zone),
        env!("CARGO_PKG_VERSION"),
        if report.is_whole { "" } else { "; the month is not over" },
    );
    totals(&mut page, &report.total);
    if report.databases.is_empty() {
        page.push_str("<p>There is no database, and there was none.</p>\n");
    } else {
        overview(&mut page, report);
    }
    report.databases.iter().for_each(|database| part(&mut page, database, zone));
    page + "</body></html>\n"
}

fn overview(page: &mut String, report: &Report) {
    page.push_str("<table><tr><th>Database<th class=\"n\">Backups<th class=\"n\">Size<th class=\"n\">Failed<th class=\"n\">Partial<th class=\"n\">Verified<th class=\"n\">Restored</tr>\n");
    for part in &report.databases {
        let total = &part.total;
        let mark = |number: u64, class: &str| if number == 0 { "n".to_owned() } else { format!("n {class}") };
        row(
            page,
            &[
                ("", &part.name),
                ("n", &total.backups.to_string()),
                ("n", &format_bytes(total.size_bytes)),
                (&mark(total.failed, "bad"), &total.failed.to_string()),
                (&mark(total.partial, "warn"), &total.partial.to_string()),
                ("n", &total.verifications.to_string()),
                ("n", &total.restores.to_string()),
            ],
        );
    }
    page.push_str("</table>\n");
}

fn part(page: &mut String, part: &Part, zone: &TimeZone) {
    let engine = part.engine.unwrap_or("not configured any more");
    let _ = write!(page, "<h2>{}</h2>\n<p>{engine}", safe(&part.name));
    let own = labels(&part.labels);
    let _ = if own.is_empty() { writeln!(page, "</p>") } else { writeln!(page, "; {}</p>", safe(&own)) };
    totals(page, &part.total);
    if !part.backups.is_empty() {
        page.push_str("<h3>Backups</h3>\n<table><tr><th>Backup<th>Made<th>Type<th>State<th class=\"n\">Size<th>Verified<th>Storages</tr>\n");
    }
    for made in &part.backups {
        let time = |at| format_time(at, zone);
        let class = match made.state.as_str() {
            "good" | "removed" => "",
            "suspect" => "warn",
            _ => "bad",
        };
        row(
            page,
            &[
                ("", &made.backup_id.to_string()),
                ("", &time(made.at)),
                ("", &made.trigger),
                (class, &made.state),
                ("n", &made.size_bytes.map(format_bytes).unwrap_or_default()),
                ("", &made.verified_at.map(time).unwrap_or_default()),
                ("", &made.storages.join(", ")),
            ],
        );
    }
    if !part.backups.is_empty() {
        page.push_str("</table>\n");
    }
    for (heading, events) in events(part).into_iter().filter(|(_, events)| !events.is_empty()) {
        let _ = writeln!(page, "<h3>{heading}</h3>\n<table><tr><th>Time<th>Result<th>What</tr>");
        events.iter().for_each(|event| event_row(page, event, zone));
        page.push_str("</table>\n");
    }
}

fn event_row(page: &mut String, event: &Event, zone: &TimeZone) {
    let class = match event.status {
        "completed" => "",
        "failed" | "missed" => "bad",
        _ => "warn",
    };
    row(page, &[("", &format_time(event.at, zone)), (class, event.status), ("", &about(event))]);
}

fn totals(page: &mut String, total: &Total) {
    page.push_str("<dl>");
    for (what, text) in facts(total) {
        let _ = write!(page, "<div><dt>{what}</dt><dd>{}</dd></div>", safe(&text));
    }
    page.push_str("</dl>\n");
}

/// A row of cells, each with its class.
fn row(page: &mut String, cells: &[(&str, &str)]) {
    page.push_str("<tr>");
    for (class, text) in cells {
        let _ = match *class {
            "" => write!(page, "<td>{}", safe(text)),
            class => write!(page, "<td class=\"{class}\">{}", safe(text)),
        };
    }
    page.push_str("</tr>\n");
}

/// Text that is nothing but text, wherever it stands; control characters are shown.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::ui::escape(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}
