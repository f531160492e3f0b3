use std::time::Duration;

use cadangkan_catalog::{Catalog, LogLine, Run, RunFilter, RunKind, RunStatus};
use cadangkan_core::{Error, ErrorKind, Level, Name, Result, RunId};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::daemon::level;
use crate::ui::Paint;
use crate::ui::escape;
use crate::ui::time::format_time;

/// How often it looks whether there is more.
const POLL: Duration = Duration::from_millis(300);

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan logs shop                # the last run of it\n  cadangkan logs --run 42\n  cadangkan logs --category restore,verify --runs 5 --level warn\n  cadangkan logs shop --follow       # until the run ends"
)]
pub(crate) struct LogsArgs {
    /// The database [default: all]
    database: Option<String>,
    /// Only this run
    #[arg(long, value_name = "NUMBER", conflicts_with = "runs")]
    run: Option<i64>,
    /// How many of the last runs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    runs: u64,
    /// Only runs that do this; several with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds(), conflicts_with = "run")]
    category: Vec<RunKind>,
    /// Only lines that matter as much: debug, info, warn, error
    #[arg(long, value_name = "LEVEL", default_value = "debug", value_parser = level)]
    level: Level,
    /// Go on showing what comes, until the run ends
    #[arg(long, short)]
    follow: bool,
}

/// Shows the logs of runs, the oldest first.
pub(crate) fn run(app: &App, args: &LogsArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let catalog = session.catalog()?;
    let runs = match args.run {
        Some(id) => vec![find(catalog, RunId(id))?],
        None => {
            let database = match &args.database {
                Some(name) => Some(session.inventory.database(name)?.name.clone()),
                None => None,
            };
            last(catalog, database, args)?
        }
    };
    let zone = session.zone();
    if !args.follow {
        let logs = runs.iter().map(|run| Ok((run, log(catalog, run.id, args.level)?)));
        let logs = logs.collect::<Result<Vec<_>>>()?;
        let values: Vec<_> = logs.iter().map(|(run, log)| json!({ "run": run, "log": log })).collect();
        return app.print(&values, || {
            if logs.is_empty() {
                return "Nothing ran yet.\n".to_owned();
            }
            logs.iter()
                .map(|(run, log)| head(app, run, &zone) + &lines(app, log, &zone) + &foot(app, run, &zone))
                .collect()
        });
    }
    let Some(run) = runs.last() else { return Err(Error::new(ErrorKind::NotFound, "nothing ran yet")) };
    follow(app, catalog, run, (&zone, args.level))
}

/// The last runs that are meant, the oldest first.
fn last(catalog: &Catalog, database: Option<Name>, args: &LogsArgs) -> Result<Vec<Run>> {
    let filter =
        |kind| RunFilter { database: database.clone(), kind, limit: Some(args.runs), ..RunFilter::default() };
    let mut runs = match args.category.as_slice() {
        [] => catalog.runs(&filter(None))?,
        kinds => {
            let runs =
                kinds.iter().map(|kind| catalog.runs(&filter(Some(*kind)))).collect::<Result<Vec<_>>>()?;
            runs.concat()
        }
    };
    runs.sort_by_key(|run| run.id);
    runs.dedup_by_key(|run| run.id);
    let before = runs.len().saturating_sub(usize::try_from(args.runs).unwrap_or(usize::MAX));
    Ok(runs.split_off(before))
}

fn log(catalog: &Catalog, run: RunId, least: Level) -> Result<Vec<LogLine>> {
    let mut log = catalog.run_log(run)?;
    log.retain(|line| line.level >= least);
    Ok(log)
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = RunKind> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(RunKind::ALL.iter().map(|kind| kind.as_str()))
        .try_map(|word| word.parse::<RunKind>())
}

fn follow(app: &App, catalog: &Catalog, run: &Run, (zone, least): (&TimeZone, Level)) -> Result<()> {
    app.print_text(&head(app, run, zone))?;
    let mut shown = 0;
    loop {
        // In this order: what was written before the end is read after it is known.
        let now = find(catalog, run.id)?;
        let log = log(catalog, run.id, least)?;
        app.print_text(&lines(app, log.get(shown..).unwrap_or_default(), zone))?;
        shown = log.len();
        if now.status != RunStatus::Running {
            return app.print_text(&foot(app, &now, zone));
        }
        app.cancel.check()?;
        std::thread::sleep(POLL);
    }
}

fn find(catalog: &Catalog, id: RunId) -> Result<Run> {
    catalog.run(id)?.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {id}")))
}

fn head(app: &App, run: &Run, zone: &TimeZone) -> String {
    let of = run.database.as_deref().map(|name| format!(" of {}", escape(name))).unwrap_or_default();
    let title = format!("Run {}: {}{of}", run.id, run.kind);
    let by = format!("{}, {}, by {}", format_time(run.started_at, zone), run.trigger, escape(&run.initiator));
    format!("{}  {}\n", app.style.bold(&title), app.style.dim(&by))
}

fn lines(app: &App, log: &[LogLine], zone: &TimeZone) -> String {
    let line = |line: &LogLine| {
        let (word, paint) = match line.level {
            Level::Debug => ("debug", Paint::Dim),
            Level::Info => ("info ", Paint::Dim),
            Level::Warning => ("warn ", Paint::Yellow),
            Level::Error => ("error", Paint::Red),
        };
        let time = format_time(line.at, zone);
        format!("  {time}  {}  {}\n", app.style.paint(paint, word), escape(&line.message))
    };
    log.iter().map(line).collect()
}

fn foot(app: &App, run: &Run, zone: &TimeZone) -> String {
    let mark = match run.status {
        RunStatus::Completed => app.style.good_mark(),
        RunStatus::Running | RunStatus::Partial => app.style.warning_mark(),
        _ => app.style.bad_mark(),
    };
    let backup = run.backup_id.map(|id| format!(", backup {id}")).unwrap_or_default();
    let when = run.finished_at.map(|time| format!(" {}", format_time(time, zone))).unwrap_or_default();
    format!("  {mark} {}{when}{backup}\n", run.status)
}
