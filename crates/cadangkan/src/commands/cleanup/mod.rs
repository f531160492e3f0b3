mod simulate;
mod text;

use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Leftover, Name, Result, format_bytes};
use cadangkan_ops::cleanup::{self, CleanupPlan};
use cadangkan_ops::nearby::Nearby;
use cadangkan_ops::retention::{self, Removed, RetentionPlan};
use cadangkan_ops::{Context, Database};
use serde::Serialize;

use crate::app::{App, CatalogNeed};
use crate::commands::parse_wait;
use crate::commands::retention::Retention;
use crate::commands::ticket::TicketArgs;
use crate::schedules::{self, Known};
use crate::ui::count::count;

/// Arguments of `cleanup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan cleanup shop --dry-run         # what goes, what stays, and why\n  cadangkan cleanup shop                   # shows it, asks, removes it\n  cadangkan cleanup shop --simulate 365d   # what there will be on the days to come"
)]
pub(crate) struct CleanupArgs {
    /// The database
    database: Name,
    /// Only in this storage; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    /// Show what there will be on each day of so long a time, and change nothing: 365d
    #[arg(long, value_name = "TIME", value_parser = parse_wait)]
    simulate: Option<Duration>,
    /// How often a backup is made in that time [default: as often as the last ones]
    #[arg(long, value_name = "TIME", value_parser = parse_wait, requires = "simulate")]
    every: Option<Duration>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// What `cleanup` is about to do.
#[derive(Serialize)]
struct Plans {
    /// What runs that died and past restores left behind.
    #[serde(flatten)]
    leftovers: CleanupPlan,
    /// What restores that were stopped left on this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    staged: Vec<Leftover>,
    /// What is to happen to the backups; left out where nobody said what stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionPlan>,
}

/// What `cleanup` did.
#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    leftovers: CleanupPlan,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    staged: Vec<Leftover>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<Removed>,
}

/// Shows what goes (old backups, what runs that died and past restores left behind), asks, and removes it.
pub(crate) fn run(app: &App, args: &CleanupArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(args.database.as_str())?;
    let places = session.places_for(&entry.name, &args.storage)?;
    let list = places.list();
    let policies = Retention::of(&session, entry, &list)?;
    let rules = policies.as_ref().map(|policies| policies.rules(&list));
    if let Some(time) = args.simulate {
        let rules = rules.ok_or_else(|| says_nothing(&entry.name))?;
        let engine = entry.open_without_secrets()?;
        let database = Database { name: &entry.name, engine: engine.as_ref(), one_of: None };
        let known = Known::read(session.catalog()?)?;
        let schedules = schedules::of_backups(&known, &session.inventory, entry)?;
        return simulate::run(app, session.catalog()?, database, &rules, &schedules, (time, args.every));
    }
    let ticket = args.ticket.of(app, &session, &[&entry.name])?;
    let engine = entry.open()?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let database = Database { name: &entry.name, engine: engine.as_ref(), one_of: None };
    let retention = rules.as_deref().map(|rules| retention::plan(&context, database, rules)).transpose()?;
    let leftovers = cleanup::plan(&context, database, &list)?;
    let stage = Nearby::stage(session.stage());
    let staged = stage.leftovers(|archive| {
        // Of this database, or of none that is known any more.
        let of_it = session.catalog()?.databases_of(&archive.to_string())?;
        Ok(of_it.is_empty() || of_it.contains(&entry.name))
    })?;
    let plans = Plans { leftovers, staged, retention };
    let goes = plans.retention.as_ref().map_or(0, |plan| plan.removals().count());
    if app.global.dry_run || (plans.leftovers.items.is_empty() && plans.staged.is_empty() && goes == 0) {
        return app.print(&plans, || text::plans(app, &session.zone(), &plans));
    }
    app.confirm(text::plans(app, &session.zone(), &plans).trim_end(), "Remove all of these?")?;
    let leftovers = match plans.leftovers.items.is_empty() {
        true => plans.leftovers,
        false => cleanup::cleanup(&context, database, &list)?,
    };
    plans.staged.iter().try_for_each(|leftover| stage.discard(leftover))?;
    let retention = rules
        .as_deref()
        .filter(|_| goes > 0)
        .map(|rules| retention::apply(&context, database, rules, "manual"))
        .transpose()?;
    app.finish_progress();
    let done = Done { leftovers, staged: plans.staged, retention };
    app.print(&done, || done_text(app, &done))
}

fn done_text(app: &App, done: &Done) -> String {
    let mut parts = Vec::new();
    let items = done.leftovers.items.iter().map(|item| &item.leftover).chain(&done.staged);
    let sizes: Vec<u64> = items.map(|leftover| leftover.size_bytes).collect();
    if !sizes.is_empty() {
        let bytes = sizes.iter().sum();
        parts.push(format!("{}, {}", count(sizes.len() as u64, "leftover"), format_bytes(bytes)));
    }
    let copies = done.retention.as_ref().map(|removed| removed.removed.as_slice()).unwrap_or_default();
    if !copies.is_empty() {
        let bytes = copies.iter().map(|copy| copy.size_bytes).sum();
        parts.push(format!("{}, {}", count(copies.len() as u64, "old backup"), format_bytes(bytes)));
    }
    if parts.is_empty() {
        return "Nothing was removed.\n".to_owned();
    }
    format!("{} Removed {}\n", app.style.good_mark(), parts.join("; "))
}

fn says_nothing(database: &Name) -> Error {
    Error::new(ErrorKind::Usage, format!("nothing says which backups of \"{database}\" stay, so all do"))
        .hint("set `retention` for it or in `defaults`: retention: { daily: 7, weekly: 4, monthly: 12 }")
}
