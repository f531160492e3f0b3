use cadangkan_core::{Clock, Error, ErrorKind, Result, Timestamp};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::labels::LabelArgs;
use crate::commands::notify;
use crate::commands::status::{is_scheduled, look_at_all, low, verdict};
use crate::daemon::is_running;
use crate::health::{Grade, Health, Problem, Room};
use crate::registry;
use crate::schedules::Known;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::{Paint, escape};

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The score is 50 % success of the last 30 days, 30 % recency, 20 % consistency; docs/monitoring.md has the rules.\n\nExamples:\n  cadangkan health\n  cadangkan health shop\n  cadangkan health --label client=acme\n  cadangkan health --check            # for Nagios, Icinga, Zabbix: exits with 0, 1, 2 or 3\n  cadangkan health --check shop --warning 90 --critical 60"
)]
pub(crate) struct HealthArgs {
    /// One database [default: all]
    #[arg(conflicts_with_all = ["chosen-label", "chosen-group"])]
    database: Option<String>,
    #[command(flatten)]
    labels: LabelArgs,
    /// Print one line and exit with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN), as plugins of Nagios do
    #[arg(long)]
    check: bool,
    /// With --check: a score below is a warning
    #[arg(long, value_name = "SCORE", default_value_t = 80, requires = "check", value_parser = clap::value_parser!(u8).range(0..=100))]
    warning: u8,
    /// With --check: a score below is critical
    #[arg(long, value_name = "SCORE", default_value_t = 50, requires = "check", value_parser = clap::value_parser!(u8).range(0..=100))]
    critical: u8,
}

/// Shows how good the backups are, in one number with its reasons.
pub(crate) fn run(app: &App, args: &HealthArgs) -> Result<()> {
    if !args.check {
        return show(app, args);
    }
    match check(app, args) {
        // Whoever stops it wants no answer.
        Err(error) if error.kind() != ErrorKind::Cancelled => {
            answer(app, State::Unknown, &error.to_string(), "")
        }
        other => other,
    }
}

fn look<'a>(app: &App, session: &'a Session, args: &HealthArgs) -> Result<Vec<Health<'a>>> {
    cadangkan_ops::reap(&session.context(app))?;
    match &args.database {
        Some(name) => {
            let entry = session.inventory.database(name)?;
            let (catalog, now) = (session.catalog()?, app.clock.now());
            let known = Known::read(catalog)?;
            Ok(vec![Health::look(catalog, &session.inventory, &known, entry, now)?])
        }
        None => look_at_all(app, session, &args.labels),
    }
}

fn show(app: &App, args: &HealthArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let healths = look(app, &session, args)?;
    let low = low(&session, &Room::look(session.catalog()?, &session.inventory)?, &healths);
    let values: Vec<Value> = healths.iter().map(value).collect();
    app.print(&values, || match (healths.as_slice(), &args.database) {
        ([], _) => format!("No databases yet. Add one with `{}`.\n", registry::example_add()),
        ([one], Some(_)) => one_text(app, one, &low),
        (all, _) => all_text(app, all, &low),
    })
}

fn value(health: &Health<'_>) -> Value {
    json!({ "name": health.entry.name, "enabled": health.entry.enabled, "score": health.score.total,
        "grade": health.grade(), "parts": health.score.parts, "problems": health.problems })
}

fn one_text(app: &App, health: &Health<'_>, low: &[Problem]) -> String {
    let mut table = Table::new([
        ("part", Align::Left),
        ("weight", Align::Right),
        ("score", Align::Right),
        ("because", Align::Left),
    ]);
    for part in &health.score.parts {
        table.row([
            part.name.into(),
            format!("{} %", part.weight).into(),
            Cell::painted(format!("{} %", part.percent), paint(part.percent)),
            part.reason.clone().into(),
        ]);
    }
    let mut text =
        format!("{}: {} of 100\n\n{}", health.entry.name, health.score.total, table.render(app.style));
    for (number, problem) in health.problems.iter().chain(low).enumerate() {
        text += &format!("{}{}\n", if number == 0 { "\n" } else { "" }, problem.line());
    }
    text
}

fn all_text(app: &App, healths: &[Health<'_>], low: &[Problem]) -> String {
    let mut columns = vec![("database", Align::Left), ("score", Align::Right)];
    columns.extend(["success", "recency", "consistency"].map(|name| (name, Align::Right)));
    columns.push(("first of all", Align::Left));
    let mut table = Table::new(columns);
    for health in healths {
        let score = &health.score;
        let mut cells: Vec<Cell> = vec![
            health.entry.name.to_string().into(),
            Cell::painted(score.total.to_string(), paint(score.total)),
        ];
        cells.extend(score.parts.iter().map(|part| format!("{} %", part.percent).into()));
        let first = health.problems.first().filter(|_| health.entry.enabled);
        let disabled = if health.entry.enabled { "" } else { "disabled" };
        cells.push(first.map_or(disabled.to_owned(), |problem| problem.text.clone()).into());
        table.row(cells);
    }
    format!("{}\n{}\n", table.render(app.style), verdict(healths, low))
}

fn paint(percent: u8) -> Paint {
    match percent {
        80.. => Paint::Green,
        50..80 => Paint::Yellow,
        _ => Paint::Red,
    }
}

/// What a plugin says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl State {
    fn of(health: &Health<'_>, args: &HealthArgs) -> Self {
        let score = health.score.total;
        match health.grade() {
            Grade::Error => State::Critical,
            _ if score < args.critical => State::Critical,
            Grade::Warning => State::Warning,
            _ if score < args.warning => State::Warning,
            Grade::Good | Grade::Note => State::Ok,
        }
    }

    fn word(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        }
    }
}

fn check(app: &App, args: &HealthArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let mut healths = look(app, &session, args)?;
    if args.database.is_none() {
        // What is switched off is not waited for.
        healths.retain(|health| health.entry.enabled);
    }
    let worst =
        healths.iter().map(|health| (State::of(health, args), health)).max_by_key(|(state, _)| *state);
    let Some((state, worst)) = worst else {
        return Err(Error::new(ErrorKind::NotFound, "no database is active"));
    };
    let mut general = low(&session, &Room::look(session.catalog()?, &session.inventory)?, &healths);
    general.extend(no_scheduler(&session, &healths)?);
    general.extend(notify::problems(&session)?);
    let first = general.first().filter(|_| state < State::Warning);
    let state = if first.is_some() { State::Warning } else { state };
    let about = match first.or(worst.problems.first()) {
        Some(problem) if state != State::Ok && problem.grade > Grade::Note => problem.text.clone(),
        _ if state != State::Ok => format!("{} has a score of {}", worst.entry.name, worst.score.total),
        _ => verdict(&healths, &general),
    };
    let bad = healths.iter().filter(|health| State::of(health, args) > State::Ok).count() + general.len();
    let others = bad.saturating_sub(1);
    let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
    let figures = match healths.len() {
        ..=MOST_FIGURES => {
            let figures = healths.iter().map(|health| figures(health, args, app.clock.now()));
            figures.collect::<Vec<_>>().join(" ")
        }
        _ => figures_of_all(&healths, args),
    };
    answer(app, state, &format!("{about}{more}"), &figures)
}

/// What nothing runs will be overdue: that is seen before.
fn no_scheduler(session: &Session, healths: &[Health<'_>]) -> Result<Option<Problem>> {
    if !is_scheduled(healths) || is_running(session)? {
        return Ok(None);
    }
    Ok(Some(Problem {
        grade: Grade::Warning,
        code: "no_scheduler",
        text: "the scheduler does not run: no backup follows by itself".to_owned(),
        command: Some("cadangkan daemon".to_owned()),
        lead: "",
    }))
}

/// The most databases that have figures of their own: Nagios reads 8 KiB.
const MOST_FIGURES: usize = 50;

/// What all of them are together: the lowest score, how many are good, and what all backups take.
fn figures_of_all(healths: &[Health<'_>], args: &HealthArgs) -> String {
    let lowest = healths.iter().map(|health| health.score.total).min().unwrap_or_default();
    let good = healths.iter().filter(|health| State::of(health, args) == State::Ok).count();
    let bytes: u64 = healths.iter().map(|health| health.stored.1).sum();
    format!(
        "lowest_score={lowest};{}:;{}:;0;100 good={good};;;0;{} size={bytes}B;;;0",
        args.warning,
        args.critical,
        healths.len()
    )
}

/// Performance data (<https://nagios-plugins.org/doc/guidelines.html>, 2.6): the label, the value, the thresholds.
fn figures(health: &Health<'_>, args: &HealthArgs, now: Timestamp) -> String {
    let name = &health.entry.name;
    let mut text = format!("{name}_score={};{}:;{}:;0;100", health.score.total, args.warning, args.critical);
    if let Some(last) = &health.last_good {
        text += &format!(" {name}_age={}s;;;0", now.duration_since(last.created_at).as_secs().max(0));
    }
    text + &format!(" {name}_size={}B;;;0", health.stored.1)
}

fn answer(app: &App, state: State, about: &str, figures: &str) -> Result<()> {
    // A bar would begin the figures, and a line would end it.
    let about = escape(about).replace('|', "/").replace('\n', " ");
    let code = match state {
        State::Ok => 0,
        State::Warning => 1,
        State::Critical => 2,
        State::Unknown => 3,
    };
    app.pass_on(code);
    let value = json!({ "state": state.word(), "exit_code": code, "message": about, "performance": figures });
    app.print(&value, || {
        let figures = if figures.is_empty() { String::new() } else { format!(" | {figures}") };
        format!("CADANGKAN {} - {about}{figures}\n", state.word())
    })
}
