use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::Catalog;
use cadangkan_core::{Control, Error, ErrorKind, Name, Result, Timestamp, format_bytes, format_duration};
use cadangkan_ops::Database;
use cadangkan_ops::retention::{PlaceRules, candidates};
use cadangkan_retention::{Candidate, Coming, Day, Rule, simulate};
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
    /// Whether backups come when schedules say.
    scheduled: bool,
    /// The fewest seconds between two backups.
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

/// Backups that come one after the other.
struct Stream<'a> {
    /// The schedule that makes them.
    schedule: Option<&'a str>,
    interval: Duration,
    size_bytes: u64,
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
    let active = play.active(place.name);
    let (mut total, mut intervals, mut schedules) = (Vec::new(), Vec::new(), BTreeMap::new());
    for present in candidates(catalog, database, place)? {
        let streams = match active.is_empty() {
            true => play.as_before(&rules.of_schedules, &present),
            false => Ok(active.iter().filter_map(|known| play.as_scheduled(known, &present)).collect()),
        };
        let streams = streams.map_err(|error| error.context("storage", place.name))?;
        let of_present = present.iter().filter_map(|one| one.schedule.as_deref());
        let names = of_present.chain(streams.iter().filter_map(|stream| stream.schedule));
        let own = names.filter_map(|name| rules.of_schedules.get_key_value(name));
        schedules.extend(own.map(|(name, rule)| (name.clone(), rule.policy.to_string())));
        intervals.extend(streams.iter().map(|stream| stream.interval));
        add(&mut total, simulate(rules, play.now, &present, merged(streams, play.control), play.days));
        play.control.check()?;
    }
    if total.is_empty() {
        let message = format!("\"{}\" has no backup yet", database.name);
        return Err(Error::new(ErrorKind::NotFound, message)
            .context("storage", place.name)
            .hint(format!("make one with `cadangkan backup {}`", database.name)));
    }
    Ok(Future {
        storage: place.name.clone(),
        policy: rules.usual.policy.to_string(),
        schedules,
        scheduled: !active.is_empty(),
        every_seconds: intervals.iter().min().map_or(0, Duration::as_secs),
        days: total,
    })
}

/// All of them in order of their times, until a person stops it: a long time of many backups takes its time.
fn merged<'a>(streams: Vec<Stream<'a>>, control: &'a Control<'a>) -> impl Iterator<Item = Coming> + 'a {
    let mut coming: Vec<_> = streams
        .into_iter()
        .map(|Stream { schedule, size_bytes, times, .. }| {
            times.map(move |at| Coming { at, size_bytes, schedule: schedule.map(str::to_owned) }).peekable()
        })
        .collect();
    std::iter::from_fn(move || {
        control.check().ok()?;
        let heads = coming.iter_mut().filter_map(|times| Some((times.peek()?.at, times)));
        heads.min_by_key(|(at, _)| *at)?.1.next()
    })
}

impl<'a> Play<'a> {
    /// The schedules that will make backups here, unless somebody says how often they come.
    fn active(&self, storage: &Name) -> Vec<&'a ScheduleEntry> {
        let goes_there = |known: &&ScheduleEntry| {
            let own = &known.plan.schedule.storage;
            known.is_active() && (own.is_empty() || own.contains(storage))
        };
        self.schedules.iter().filter(goes_there).filter(|_| self.every.is_none()).collect()
    }

    /// The least time between two backups that is played.
    fn least(&self) -> Duration {
        Duration::from_secs(u64::from(self.days) * 86_400 / MOST_BACKUPS)
    }

    /// What a schedule will make, as large as the last one that it made; `None` where it never does.
    fn as_scheduled(&self, known: &'a ScheduleEntry, present: &[Candidate]) -> Option<Stream<'a>> {
        let least = self.least();
        let next = move |time: &Timestamp| {
            known.plan.schedule.next_after(time.checked_add(least.saturating_sub(SECOND)).ok()?)
        };
        let now = self.now;
        let times = move || std::iter::successors(next(&now), next);
        let first = times().next()?;
        let interval =
            times().nth(1).map_or(Duration::MAX, |second| second.duration_since(first).unsigned_abs());
        let name = known.plan.name.as_str();
        let size_bytes = last_size(present.iter().filter(|one| one.schedule.as_deref() == Some(name)))
            .or_else(|| last_size(present.iter()))?;
        Some(Stream { schedule: Some(name), interval, size_bytes, times: Box::new(times()) })
    }

    /// What will be made if it goes on as somebody says, or as it did.
    fn as_before<'b>(
        &self,
        own: &'b BTreeMap<String, Rule>,
        present: &[Candidate],
    ) -> Result<Vec<Stream<'b>>> {
        let mut groups: BTreeMap<Option<&str>, Vec<&Candidate>> = BTreeMap::new();
        for one in present {
            let own = one.schedule.as_deref().and_then(|name| own.get_key_value(name));
            groups.entry(own.map(|(name, _)| name.as_str())).or_default().push(one);
        }
        let stream = |(schedule, group): (_, Vec<&Candidate>)| {
            let interval = self.every.or_else(|| usual_interval(&group)).ok_or_else(|| {
                Error::new(ErrorKind::Usage, "one backup does not tell how often they are made")
                    .hint("say it: --every 24h")
            })?;
            let interval = interval.max(self.least()).max(SECOND);
            let next = move |time: &Timestamp| time.checked_add(interval).ok();
            let times = Box::new(std::iter::successors(next(&self.now), next));
            let size_bytes = last_size(group.into_iter()).unwrap_or_default();
            Ok(Stream { schedule, interval, size_bytes, times })
        };
        groups.into_iter().map(stream).collect()
    }
}

fn last_size<'a>(present: impl Iterator<Item = &'a Candidate>) -> Option<u64> {
    present.max_by_key(|one| one.created_at).map(|one| one.size_bytes)
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
    let rhythm = match future.scheduled {
        true => "backups as scheduled".to_owned(),
        false => {
            format!("a backup every {}", format_duration(Duration::from_secs(future.every_seconds)))
        }
    };
    format!(
        "Storage {}: {}; {rhythm} for {}, each as large as the last one\n{}At most {}\n\n",
        future.storage,
        text::policies(&future.policy, &future.schedules),
        text::days(future.days.len()),
        table.render(app.style),
        format_bytes(most)
    )
}
