use std::collections::BTreeSet;

use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use cadangkan_scheduler::{Every, Io, Missed, Plan, ScheduleSettings, Task, Timing};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::daemon;
use crate::commands::retention;
use crate::config::RetentionSettings;
use crate::inventory::DatabaseEntry;
use crate::schedules::{self, Source, USUAL_NAME};
use crate::ui::time::{format_age, format_moment};

/// Arguments of `schedule set`.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("when").required(true).args(["cron", "hourly", "daily", "weekly", "monthly", "after"]),
    after_help = "Examples:\n  cadangkan schedule set shop --daily --time 02:30 --timezone Europe/Berlin\n  cadangkan schedule set shop --weekly --day sunday --name check --task verify\n  cadangkan schedule set shop --cron '*/15 8-18 * * MON-FRI' --jitter 2m\n  cadangkan schedule set shop --hourly --name often --keep hourly=24,daily=2\n  cadangkan schedule set reports --after shop"
)]
pub(super) struct SetArgs {
    /// The database
    database: String,
    /// The schedule's name; one that was made before is replaced
    #[arg(long, value_name = "NAME", default_value = USUAL_NAME)]
    name: Name,
    /// When, as a cron pattern: minute, hour, day of the month, month, day of the week
    #[arg(long, value_name = "PATTERN")]
    cron: Option<String>,
    /// Each hour, at the full hour or at the minute of --time
    #[arg(long)]
    hourly: bool,
    /// Each day, at 02:00 or at --time
    #[arg(long)]
    daily: bool,
    /// Each week, on Sunday or --day, at 03:00 or --time
    #[arg(long)]
    weekly: bool,
    /// Each month, on the 1st or --day, at 04:00 or --time
    #[arg(long)]
    monthly: bool,
    /// After each good run of another database
    #[arg(long, value_name = "DATABASE")]
    after: Option<Name>,
    /// The time of day: 02:30
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cron", "after"])]
    time: Option<String>,
    /// The day: sunday, or for --monthly 1 to 31 or last
    #[arg(long, value_name = "DAY", conflicts_with_all = ["cron", "after"])]
    day: Option<String>,
    /// The zone whose clocks count [default: the configuration's, else that of this machine]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What is done: backup, verify, cleanup or sync [default: backup]
    #[arg(long, value_name = "TASK")]
    task: Option<Task>,
    /// A storage, where not those of the database; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    /// Which of the backups that it makes stay, where not as for the database: daily=7,weekly=4; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = parse_keep)]
    keep: Vec<(String, Value)>,
    /// The longest that a run waits by chance after its time, so that not all begin at once: 10m
    #[arg(long, value_name = "TIME")]
    jitter: Option<String>,
    /// Hours in which runs may begin: 22:00-06:00, `sat-sun 00:00-24:00`; may be given more than once
    #[arg(long, value_name = "HOURS")]
    window: Vec<String>,
    /// Hours or days in which they may not: `mon-fri 08:00-18:00`, 2026-12-24..2026-12-26; may be given more than once
    #[arg(long, value_name = "HOURS")]
    blackout: Vec<String>,
    /// What becomes of a run whose time passed while no scheduler ran [default: catch-up]
    #[arg(long, value_name = "HOW", value_parser = ["catch-up", "skip"])]
    missed: Option<String>,
    /// How often a failed run is tried, the first time among them [default: 3]
    #[arg(long, value_name = "NUMBER")]
    attempts: Option<u32>,
    /// How long until the second try; each further wait is twice as long [default: 1m]
    #[arg(long, value_name = "TIME")]
    retry_delay: Option<String>,
    /// The longest that a run may take [default: 24h]
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// The load of this machine above which a run waits, for an hour at most
    #[arg(long, value_name = "LOAD")]
    max_load: Option<String>,
    /// The sessions at work on the database's server above which a run waits, for an hour at most
    #[arg(long, value_name = "NUMBER")]
    max_sessions: Option<u64>,
    /// How much a run gives way to other processes, 0 to 19; reading and writing follow
    #[arg(long, value_name = "NUMBER")]
    nice: Option<u8>,
    /// How its reads and writes give way where the disk's scheduler heeds it: idle waits until nobody else wants the disk
    #[arg(long, value_name = "HOW", value_parser = ["idle", "low"])]
    io: Option<String>,
    /// How many processors a run may use
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<u16>,
}

impl SetArgs {
    fn settings(&self) -> ScheduleSettings {
        let every = [
            (self.hourly, Every::Hourly),
            (self.daily, Every::Daily),
            (self.weekly, Every::Weekly),
            (self.monthly, Every::Monthly),
        ];
        let mut settings = ScheduleSettings {
            cron: self.cron.clone(),
            every: every.into_iter().find(|(asked, _)| *asked).map(|(_, every)| every),
            time: self.time.clone(),
            day: self.day.clone(),
            after: self.after.clone(),
            timezone: self.timezone.clone(),
            enabled: None,
            task: self.task,
            storage: self.storage.clone(),
            retention: (!self.keep.is_empty()).then(|| self.keep.iter().cloned().collect()),
            jitter: self.jitter.clone(),
            window: self.window.clone(),
            blackout: self.blackout.clone(),
            missed: self
                .missed
                .as_deref()
                .map(|how| if how == "skip" { Missed::Skip } else { Missed::CatchUp }),
            retry: None,
            timeout: self.timeout.clone(),
            max_load: self.max_load.clone(),
            max_sessions: self.max_sessions,
            nice: self.nice,
            io: self.io.as_deref().map(|how| if how == "idle" { Io::Idle } else { Io::Low }),
            cpus: self.cpus,
        };
        settings.set_retry(self.attempts, self.retry_delay.clone());
        settings
    }
}

/// Makes or replaces a schedule, and says what follows from it.
pub(super) fn run(app: &App, args: &SetArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    let settings = args.settings();
    let schedule = settings.schedule(&session.zone()).map_err(as_usage)?;
    if let Some(keep) = &settings.retention {
        RetentionSettings::read(keep).and_then(|keep| keep.policy()).map_err(as_usage)?;
    }
    if args.max_sessions.is_some() && !entry.engine.capabilities.sessions {
        let message = format!("{} has no server with sessions", entry.engine.display_name);
        return Err(Error::new(ErrorKind::Usage, message)
            .hint("leave --max-sessions out; --max-load waits for this machine"));
    }
    for storage in &args.storage {
        session.inventory.storage(storage.as_str())?;
    }
    if let Some(after) = &args.after {
        refuse_circle(&session, entry, after)?;
    }
    refuse_declared(&session, entry, args.name.as_str())?;
    let plan = Plan { database: entry.name.clone(), name: args.name.to_string(), schedule };
    let now = app.clock.now();
    if !app.global.dry_run {
        let catalog = session.catalog()?;
        let value = serde_json::to_value(&settings).map_err(|error| {
            Error::new(ErrorKind::Internal, "cannot write a schedule as JSON").source(error)
        })?;
        catalog.define_schedule(&plan.database, &plan.name, &value, now)?;
        catalog.step_schedules(&[plan.first_step(now)])?;
    }
    let next = plan.schedule.begins_after(now);
    let runs = daemon::is_running(&session)?;
    // One of this command would be the first.
    let keeps = match app.global.dry_run {
        true => None,
        false => Some(retention::words(&session, entry, Some(&plan.name))?),
    };
    let value = json!({
        "database": plan.database,
        "schedule": plan.name,
        "task": plan.schedule.task,
        "when": plan.schedule.words(),
        "next_due": next,
        "enabled": entry.enabled,
        "retention": keeps,
        "scheduler_running": runs,
        "dry_run": app.global.dry_run,
    });
    app.print(&value, || text(app, entry, &plan, keeps.as_deref(), runs))
}

fn text(app: &App, entry: &DatabaseEntry, plan: &Plan, keeps: Option<&str>, runs: bool) -> String {
    let now = app.clock.now();
    let is = if app.global.dry_run { "would be" } else { "is" };
    let task = plan.schedule.task.as_str();
    let mut text = format!(
        "{} The {task} of {} {is} scheduled ({})\n\n",
        app.style.good_mark(),
        plan.database,
        plan.name
    );
    text.push_str(&format!("  When       {}\n", plan.schedule.words()));
    if let Some(next) = plan.schedule.begins_after(now) {
        let when = format_moment(next, &plan.schedule.zone());
        text.push_str(&format!("  Next run   {when}, {}\n", format_age(next, now)));
    }
    if let Some(keeps) = keeps {
        text.push_str(&format!("  Stays      {keeps}\n"));
    }
    if !entry.enabled {
        text.push_str(&format!(
            "  State      {} is disabled: `cadangkan edit {} --enable`\n",
            entry.name, entry.name
        ));
    }
    if !runs {
        text.push_str("\nNothing runs until the scheduler does:\n  sudo cadangkan service install\n  cadangkan daemon\n");
    }
    text
}

/// A key of a policy and its value: a number, `true`, or text.
fn parse_keep(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as daily=7")?;
    let mut known = RetentionSettings::KEYS.to_vec();
    // Another whole policy for some storages fits no flag.
    known.retain(|known| *known != "storages");
    if !known.contains(&key) {
        return Err(format!("there are {}", known.join(", ")));
    }
    let meant: Value = value.parse().unwrap_or_else(|_| Value::from(value));
    match RetentionSettings::read(&json!({ key: meant })) {
        Ok(_) => Ok((key.to_owned(), meant)),
        Err(_) if RetentionSettings::COUNTS.contains(&key) => {
            Err(format!("`{key}` is a whole number, such as {key}=7"))
        }
        Err(error) => Err(error.message().to_owned()),
    }
}

/// What was typed cannot be meant: not the configuration's mistake.
fn as_usage(error: Error) -> Error {
    let usage = Error::new(ErrorKind::Usage, error.message());
    match error.advice() {
        Some(hint) => usage.hint(hint),
        None => usage,
    }
}

fn refuse_declared(session: &Session, entry: &DatabaseEntry, name: &str) -> Result<()> {
    if schedules::OWN_NAMES.contains(&name) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("the scheduler has a schedule \"{name}\" of itself"),
        )
        .hint("give this one another name with --name"));
    }
    let declared = schedules::of(session, &entry.name, None)?;
    if !declared.iter().any(|known| known.plan.name == name && known.source != Source::Catalog) {
        return Ok(());
    }
    let message = format!("\"{}\" has a schedule \"{name}\" in the configuration file", entry.name);
    Err(Error::new(ErrorKind::Conflict, message)
        .context("at", &entry.origin)
        .hint("change it there, or give this one another name with --name"))
}

/// What follows itself would never begin.
fn refuse_circle(session: &Session, entry: &DatabaseEntry, after: &Name) -> Result<()> {
    session.inventory.database(after.as_str())?;
    let all = schedules::all(session)?;
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![after]);
    while let Some(database) = waiting.pop() {
        if *database == entry.name {
            let message = format!("\"{}\" would follow itself", entry.name);
            return Err(Error::new(ErrorKind::Usage, message).hint("one of them needs a time of its own"));
        }
        if seen.insert(database) {
            waiting.extend(all.iter().filter(|known| known.plan.database == *database).filter_map(|known| {
                match &known.plan.schedule.timing {
                    Timing::After(before) => Some(before),
                    Timing::Cron { .. } => None,
                }
            }));
        }
    }
    Ok(())
}
