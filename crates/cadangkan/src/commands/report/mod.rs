//! What happened in a month: every backup, verification, restore and failure, for clients and auditors.

mod collect;
mod html;
mod paper;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use cadangkan_core::{Clock, Error, ErrorKind, Result, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::commands::labels::LabelArgs;
use crate::ui::escape;
use collect::Report;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan report\n  cadangkan report --month 2026-11 --label client=acme --output-file acme.pdf\n  cadangkan report --format html > report.html"
)]
pub(crate) struct ReportArgs {
    /// The month, in the zone that is configured [default: the last one that is over]
    #[arg(long, value_name = "YYYY-MM", value_parser = parse_month)]
    month: Option<Date>,
    #[command(flatten)]
    labels: LabelArgs,
    /// What is written [default: as the file's name ends, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file to write, in the place of one that is there [default: the standard output]
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Html,
    Pdf,
    Json,
}

/// A month, as two moments.
struct Month {
    name: String,
    from: Timestamp,
    until: Timestamp,
}

/// Puts the report together, and writes it.
pub(crate) fn run(app: &App, args: &ReportArgs) -> Result<()> {
    let format = format_of(app, args);
    if format == Format::Pdf && args.output_file.is_none() && app.process.stdout_is_terminal {
        return Err(Error::new(ErrorKind::Usage, "a PDF is nothing for a terminal")
            .hint("name a file with --output-file report.pdf"));
    }
    let session = app.session(CatalogNeed::Required)?;
    // Runs whose process is gone are ended first, so that what is told is true.
    cadangkan_ops::reap(&session.context(app))?;
    let (now, zone) = (app.clock.now(), session.zone());
    let month = month(args.month, now, &zone)?;
    let report = Report::collect(&session, &args.labels, &month, now)?;
    let bytes = match format {
        Format::Text => {
            let lines = text::lines(&report, &zone).into_iter().map(|line| {
                line.text
                    + "
"
            });
            lines.collect::<String>().into_bytes()
        }
        Format::Html => html::page(&report, &zone).into_bytes(),
        Format::Pdf => paper::write(&text::lines(&report, &zone)),
        Format::Json => {
            let mut bytes = Vec::new();
            crate::ui::write_json(&mut bytes, &report)?;
            bytes
        }
    };
    let Some(file) = &args.output_file else { return app.print_bytes(&bytes) };
    if !app.global.dry_run {
        write(file, &bytes)?;
    }
    let (dry_run, month) = (app.global.dry_run, &month.name);
    app.print(&json!({ "file": file, "month": month, "dry_run": dry_run }), || {
        let would = if dry_run { "Would write" } else { "Wrote" };
        let file = file.to_string_lossy();
        format!("{} {would} the report of {month}: {}\n", app.style.good_mark(), escape(&file))
    })
}

fn format_of(app: &App, args: &ReportArgs) -> Format {
    let ending =
        args.output_file.as_deref().and_then(Path::extension).map(|ending| ending.to_ascii_lowercase());
    let by_name = match ending.as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("html" | "htm") => Some(Format::Html),
        Some("pdf") => Some(Format::Pdf),
        Some("json") => Some(Format::Json),
        _ => None,
    };
    let json = app.global.output == crate::cli::OutputFormat::Json && args.output_file.is_none();
    let usual = if json { Format::Json } else { Format::Text };
    args.format.or(by_name).unwrap_or(usual)
}

/// The month that was asked for, or the last one that is over.
fn month(asked: Option<Date>, now: Timestamp, zone: &TimeZone) -> Result<Month> {
    let not =
        |error: jiff::Error| Error::new(ErrorKind::Usage, "this month is not in the calendar").source(error);
    let first = match asked {
        Some(first) => first,
        None => {
            let present = now.to_zoned(zone.clone()).date().first_of_month();
            present.checked_sub(Span::new().months(1)).map_err(not)?
        }
    };
    let next = first.checked_add(Span::new().months(1)).map_err(not)?;
    let begins = |date: Date| date.to_zoned(zone.clone()).map(|zoned: Zoned| zoned.timestamp()).map_err(not);
    let name = first.strftime("%Y-%m").to_string();
    Ok(Month { name, from: begins(first)?, until: begins(next)? })
}

fn parse_month(text: &str) -> Result<Date, String> {
    let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = format!("{text}-01").parse::<Date>().ok().filter(|_| is_plain);
    date.ok_or_else(|| "write a month as 2026-11".to_owned())
}

/// Writes a file whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::io("cannot write the report", error).context("file", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests;
