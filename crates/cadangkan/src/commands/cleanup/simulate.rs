use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::Catalog;
use cadangkan_core::{Control, Error, ErrorKind, Name, Result, Timestamp, format_bytes, format_duration};
use cadangkan_ops::Database;
use cadangkan_ops::retention::{PlaceRules, candidates};
use cadangkan_retention::{Candidate, Coming, Day, simulate};
use serde::Serialize;

use super::text;
use crate::app::App;
use crate::schedules::ScheduleEntry;
use crate::ui::table::{Align, Table};

/// The most days that are played, so that a slip of the finger ends.
const MOST_DAYS: u64 = 3660;
/// The most backups that are played for a series.
const MOST_BACKUPS: u64 = 200_000;
/// The last backups whose distance is looked at.
const LOOKED_AT: usize = 30;
const SECOND: Duration = Duration::from_secs(1);
/// The most days of which a person sees each.
const ALL_SHOWN: usize = 31;

/// What there will be in one storage.
#[derive(Serialize)]
struct Future {
    storage: Name,
    policy: String,
    /// Those of schedules that have one of their own and backups here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    schedules: BTreeMap<String, String>,
    /// Seconds between two backups of the first series.
    every_seconds: u64,
    /// One for each day, all series together.
    days: Vec<Day>,
}

/// How long is played, and what is said of how often backups come.
struct Play<'a> {
    control: &'a Control<'a>,
    now: Timestamp,
    days: u32,
    every: Option<Duration>,
    schedules: &'a [ScheduleEntry],
}

/// When backups come that one policy counts for.
struct Rhythm<'a> {
    interval: Duration,
    times: Box<dyn Iterator<Item = Timestamp> + 'a>,
}

/// Shows what there will be in each storage, on every day to come.
pub(super) fn run(
    app: &App,
    catalog: &Catalog,
    database: Database<'_>,
    rules: &[PlaceRules<'_>],
    schedules: &[ScheduleEntry],
    (time, every): (Duration, Option<Duration>),
) -> Result<()> {
    let days = time.as_secs().div_ceil(86_400).clamp(1, MOST_DAYS);
    let days = u32::try_from(days).unwrap_or(1);
    let control = app.control();
    let play = Play { control: &control, now: control.clock.now(), days, every, schedules };
    let futures =
        rules.iter().map(|rules| future(catalog, database, *rules, &play)).collect::<Result<Vec<_>>>()?;
    app.print(&futures, || futures.iter().map(|future| future_text(app, future)).collect())
}

fn future(
    catalog: &Catalog,
    database: Database<'_>,
    PlaceRules { place, rules }: PlaceRules<'_>,
    play: &Play<'_>,
) -> Result<Future> {
    let (mut total, mut intervals, mut schedules) = (Vec::new(), Vec::new(), BTreeMap::new());
    for present in candidates(catalog, database, place)? {
        let mut groups: BTreeMap<Option<&str>, Vec<&Candidate>> = BTreeMap::new();
        for one in &present {
            let own = one.schedule.as_deref().and_then(|name| rules.of_schedules.get_key_value(name));
            schedules.extend(own.map(|(name, rule)| (name.clone(), rule.policy.to_string())));
            groups.entry(own.map(|(name, _)| name.as_str())).or_default().push(one);
        }
        let mut coming = Vec::new();
        for (schedule, group) in groups {
            let Rhythm { interval, times } =
                play.rhythm(schedule, &group).map_err(|error| error.context("storage", place.name))?;
            intervals.push(interval);
            let size_bytes = group.iter().max_by_key(|one| one.created_at).map_or(0, |one| one.size_bytes);
            let make = move |at| Coming { at, size_bytes, schedule: schedule.map(str::to_owned) };
            coming.push(times.map(make).peekable());
        }
        let next = || {
            // A long time of many backups takes its time: a person may stop it.
            play.control.check().ok()?;
            let heads = coming.iter_mut().filter_map(|times| Some((times.peek()?.at, times)));
            heads.min_by_key(|(at, _)| *at)?.1.next()
        };
        add(&mut total, simulate(rules, play.now, &present, std::iter::from_fn(next), play.days));
        play.control.check()?;
    }
    let interval = intervals.first().ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("\"{}\" has no backup yet", database.name))
            .context("storage", place.name)
            .hint(format!("make one with `cadangkan backup {}`", database.name))
    })?;
    Ok(Future {
        storage: place.name.clone(),
        policy: rules.usual.policy.to_string(),
        schedules,
        every_seconds: interval.as_secs(),
        days: total,
    })
}

impl Play<'_> {
    /// When backups like these come: as somebody says, as their schedule says, else as the last ones did.
    fn rhythm(&self, schedule: Option<&str>, present: &[&Candidate]) -> Result<Rhythm<'_>> {
        let least = Duration::from_secs(u64::from(self.days) * 86_400 / MOST_BACKUPS);
        let by_schedule = |name| {
            let mut active = self.schedules.iter().filter(|known| known.is_active());
            let known = active.find(|known| known.plan.name == name)?;
            let next = move |time: &Timestamp| {
                known.plan.schedule.next_after(time.checked_add(least.saturating_sub(SECOND)).ok()?)
            };
            let times = || std::iter::successors(next(&self.now), next);
            let interval = times().nth(1)?.duration_since(times().next()?).unsigned_abs();
            Some(Rhythm { interval, times: Box::new(times()) })
        };
        if let Some(rhythm) = schedule.filter(|_| self.every.is_none()).and_then(by_schedule) {
            return Ok(rhythm);
        }
        let interval = self.every.or_else(|| usual_interval(present)).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "one backup does not tell how often they are made")
                .hint("say it: --every 24h")
        })?;
        let interval = interval.max(least).max(SECOND);
        let next = move |time: &Timestamp| time.checked_add(interval).ok();
        Ok(Rhythm { interval, times: Box::new(std::iter::successors(next(&self.now), next)) })
    }
}

/// The usual distance of the last backups: half of them are closer together, half are not.
fn usual_interval(present: &[&Candidate]) -> Option<Duration> {
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
        text::policies(&future.policy, &future.schedules),
        format_duration(Duration::from_secs(future.every_seconds)),
        text::days(future.days.len()),
        table.render(app.style),
        format_bytes(most)
    )
}
