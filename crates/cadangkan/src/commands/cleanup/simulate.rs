use std::time::Duration;

use cadangkan_catalog::Catalog;
use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp, format_bytes, format_duration};
use cadangkan_ops::Database;
use cadangkan_ops::retention::{Rule, candidates};
use cadangkan_retention::{Candidate, Day, simulate};
use serde::Serialize;

use super::text;
use crate::app::App;
use crate::ui::table::{Align, Table};

/// The most days that are played, so that a slip of the finger ends.
const MOST_DAYS: u64 = 3660;
/// The most backups that are played for a series.
const MOST_BACKUPS: u64 = 200_000;
/// The last backups whose distance is looked at.
const LOOKED_AT: usize = 30;
/// The most days of which a person sees each.
const ALL_SHOWN: usize = 31;

/// What there will be in one storage.
#[derive(Serialize)]
struct Future {
    storage: Name,
    policy: String,
    /// Seconds between two backups of the first series.
    every_seconds: u64,
    /// One for each day, all series together.
    days: Vec<Day>,
}

/// Shows what there will be in each storage, on every day to come.
pub(super) fn run(
    app: &App,
    catalog: &Catalog,
    database: Database<'_>,
    rules: &[Rule<'_>],
    (time, every): (Duration, Option<Duration>),
) -> Result<()> {
    let days = time.as_secs().div_ceil(86_400).clamp(1, MOST_DAYS);
    let days = u32::try_from(days).unwrap_or(1);
    let now = app.control().clock.now();
    let futures = rules
        .iter()
        .map(|rule| future(catalog, database, *rule, now, (days, every)))
        .collect::<Result<Vec<_>>>()?;
    app.print(&futures, || futures.iter().map(|future| future_text(app, future)).collect())
}

fn future(
    catalog: &Catalog,
    database: Database<'_>,
    rule: Rule<'_>,
    now: Timestamp,
    (days, every): (u32, Option<Duration>),
) -> Result<Future> {
    let series = candidates(catalog, database, rule.place)?;
    let (mut total, mut first_interval): (Vec<Day>, _) = (Vec::new(), None);
    for present in &series {
        let interval = every.or_else(|| usual_interval(present)).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "one backup does not tell how often they are made")
                .context("storage", rule.place.name)
                .hint("say it: --every 24h")
        })?;
        let least = Duration::from_secs(u64::from(days) * 86_400 / MOST_BACKUPS);
        let interval = interval.max(least).max(Duration::from_secs(1));
        first_interval = first_interval.or(Some(interval));
        let newest = present.iter().max_by_key(|one| one.created_at);
        let size = newest.map_or(0, |one| one.size_bytes);
        let coming =
            std::iter::successors(now.checked_add(interval).ok(), |time| time.checked_add(interval).ok());
        let coming = coming.map(|time| (time, size));
        add(&mut total, simulate(rule.policy, rule.calendar, now, present, coming, days));
    }
    let interval = first_interval.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("\"{}\" has no backup yet", database.name))
            .context("storage", rule.place.name)
            .hint(format!("make one with `cadangkan backup {}`", database.name))
    })?;
    Ok(Future {
        storage: rule.place.name.clone(),
        policy: rule.policy.to_string(),
        every_seconds: interval.as_secs(),
        days: total,
    })
}

/// The usual distance of the last backups: half of them are closer together, half are not.
fn usual_interval(present: &[Candidate]) -> Option<Duration> {
    let mut times: Vec<_> = present.iter().map(|one| one.created_at).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    times.truncate(LOOKED_AT);
    let mut distances: Vec<_> = times
        .windows(2)
        .filter_map(|pair| Some(pair.first()?.duration_since(*pair.last()?).unsigned_abs()))
        .collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied()
}

/// Adds up the days of several series.
fn add(total: &mut Vec<Day>, days: Vec<Day>) {
    if total.is_empty() {
        *total = days;
        return;
    }
    for (sum, day) in total.iter_mut().zip(days) {
        sum.backups += day.backups;
        sum.size_bytes += day.size_bytes;
        sum.removed += day.removed;
        sum.oldest_at = sum.oldest_at.into_iter().chain(day.oldest_at).min();
    }
}

fn future_text(app: &App, future: &Future) -> String {
    let mut table = Table::new([
        ("day", Align::Left),
        ("backups", Align::Right),
        ("size", Align::Right),
        ("oldest", Align::Left),
    ]);
    // Of a long time every week, and the last day.
    let step = if future.days.len() > ALL_SHOWN { 7 } else { 1 };
    let last = future.days.len().saturating_sub(1);
    for (number, day) in future.days.iter().enumerate() {
        if number % step != 0 && number != last {
            continue;
        }
        table.row([
            day.date.to_string().into(),
            day.backups.to_string().into(),
            format_bytes(day.size_bytes).into(),
            day.oldest_at.map_or(String::new(), |time| time.strftime("%Y-%m-%d").to_string()).into(),
        ]);
    }
    let most = future.days.iter().map(|day| day.size_bytes).max().unwrap_or_default();
    format!(
        "Storage {}: {}; a backup every {} for {}, each as large as the last one\n{}At most {}\n\n",
        future.storage,
        future.policy,
        format_duration(Duration::from_secs(future.every_seconds)),
        text::days(future.days.len()),
        table.render(app.style),
        format_bytes(most)
    )
}
