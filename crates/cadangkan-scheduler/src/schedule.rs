use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::hours::first_open;
use crate::plan::Task;
use crate::retry::Retry;
use crate::{Hours, Pattern};

/// When something is done to a database, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// When.
    pub timing: Timing,
    /// Whether it counts.
    pub enabled: bool,
    /// What is done.
    pub task: Task,
    /// The storages, where not those of the database.
    pub storage: Vec<Name>,
    /// The longest that a run waits by chance after its time.
    pub jitter: Duration,
    /// Hours in which runs may begin; empty: all.
    pub window: Vec<Hours>,
    /// Hours and days in which they may not.
    pub blackout: Vec<Hours>,
    /// What becomes of a run whose time passed while nothing could run.
    pub missed: Missed,
    /// How often a failed run is tried.
    pub retry: Retry,
    /// The longest that a run may take; it is stopped then.
    pub timeout: Duration,
    /// The load of this machine, by its one-minute average, above which a run waits.
    pub max_load: Option<f64>,
    /// The sessions at work on the database's server above which a run waits.
    pub max_sessions: Option<u64>,
    /// How much a run gives way to other processes, 0 to 19.
    pub nice: Option<u8>,
    /// How its reads and writes give way to those of other processes.
    pub io: Option<Io>,
    /// How many processors a run may use.
    pub cpus: Option<u16>,
}

/// When something is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// By the clock.
    Cron {
        /// At these minutes.
        pattern: Pattern,
        /// By the clocks of this zone.
        zone: TimeZone,
    },
    /// After each good run of the same task of this database.
    After(Name),
}

/// How reads and writes give way to those of other processes, where the disk's scheduler heeds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Io {
    /// They wait until nobody else wants the disk.
    Idle,
    /// They come after all others that do not wait for that.
    Low,
}

/// What becomes of a run whose time passed while nothing could run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// It is caught up: once, however many were missed.
    #[default]
    CatchUp,
    /// It is left out, and reported.
    Skip,
}

impl Schedule {
    /// How long a run may take where nothing is said.
    pub const USUAL_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

    /// A schedule with everything as usual.
    pub fn usual(timing: Timing) -> Self {
        Schedule {
            timing,
            enabled: true,
            task: Task::default(),
            storage: Vec::new(),
            jitter: Duration::ZERO,
            window: Vec::new(),
            blackout: Vec::new(),
            missed: Missed::default(),
            retry: Retry::default(),
            timeout: Schedule::USUAL_TIMEOUT,
            max_load: None,
            max_sessions: None,
            nice: None,
            io: None,
            cpus: None,
        }
    }

    /// The next time after a moment that it is due by the clock; `None` for what follows another database.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.timing {
            Timing::Cron { pattern, zone } => pattern.next_after(zone, after),
            Timing::After(_) => None,
        }
    }

    /// The next time after a moment at which a run begins that is due by the clock: in its window, what is left to chance
    /// aside.
    pub fn begins_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.may_begin(self.next_after(after)?)
    }

    /// The zone by whose clocks it goes.
    pub fn zone(&self) -> TimeZone {
        match &self.timing {
            Timing::Cron { zone, .. } => zone.clone(),
            Timing::After(_) => TimeZone::UTC,
        }
    }

    /// When it is due, in words: `At 02:00 (Europe/Berlin)`, `after shop`.
    pub fn words(&self) -> String {
        match &self.timing {
            Timing::Cron { pattern, zone } => {
                let zone = zone.iana_name().unwrap_or("the zone of this machine");
                format!("{} ({zone})", pattern.words())
            }
            Timing::After(database) => format!("After each good {} of {database}", self.task.as_str()),
        }
    }

    /// How often it is due, as backups are marked: `hourly`, `daily`, `weekly`, `monthly` or `yearly`; `daily` for what
    /// follows another database.
    pub fn rhythm(&self) -> &'static str {
        match self.shortest_gap().map(|gap| gap.as_secs() / 3600) {
            Some(hours) if hours <= 18 => "hourly",
            Some(hours) if hours <= 5 * 24 => "daily",
            Some(hours) if hours <= 20 * 24 => "weekly",
            Some(hours) if hours <= 200 * 24 => "monthly",
            Some(_) => "yearly",
            None => "daily",
        }
    }

    /// The shortest time between two of its first runs.
    fn shortest_gap(&self) -> Option<Duration> {
        let first = self.next_after(Timestamp::UNIX_EPOCH);
        let times = std::iter::successors(first, |time| self.next_after(*time)).take(6).collect::<Vec<_>>();
        let gaps = times.windows(2).filter_map(|pair| match pair {
            [earlier, later] => Some(later.duration_since(*earlier).unsigned_abs()),
            _ => None,
        });
        gaps.min()
    }

    /// The first moment from a time on at which a run may begin.
    pub fn may_begin(&self, time: Timestamp) -> Option<Timestamp> {
        if self.window.is_empty() && self.blackout.is_empty() {
            return Some(time);
        }
        first_open(&self.window, &self.blackout, &self.zone(), time)
    }

    /// Refuses what would never run or could not end. Fails with `Configuration`.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |message: &str| Err(Error::new(ErrorKind::Configuration, message));
        if self.timeout.is_zero() {
            return wrong("`timeout` is longer than nothing");
        }
        if !self.jitter.is_zero() && self.shortest_gap().is_some_and(|gap| self.jitter >= gap) {
            return wrong("`jitter` is shorter than the time from one run to the next");
        }
        // Dates pass; hours that leave nothing open do not.
        let hours: Vec<_> =
            self.blackout.iter().filter(|hours| !matches!(hours, Hours::Dates { .. })).cloned().collect();
        let windows: Vec<_> =
            self.window.iter().filter(|hours| !matches!(hours, Hours::Dates { .. })).cloned().collect();
        if windows.len() < self.window.len() {
            return wrong("`window` has hours and days of the week; dates belong to `blackout`");
        }
        if first_open(&windows, &hours, &self.zone(), Timestamp::UNIX_EPOCH).is_none() {
            return wrong("`window` and `blackout` leave no time in which a run may begin");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_when_its_window_does() {
        let pattern = Pattern::parse("*/30 7-9 * * *").unwrap();
        let mut schedule = Schedule::usual(Timing::Cron { pattern, zone: TimeZone::UTC });
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (night, next) = (at("2026-01-05T00:00:00Z"), at("2026-01-05T09:00:00Z"));
        assert_eq!(schedule.begins_after(night), Some(at("2026-01-05T07:00:00Z")));
        schedule.window = vec![Hours::parse("09:00-10:00").unwrap()];
        // Those that are due before nine are one.
        assert_eq!(schedule.begins_after(night), Some(next));
        assert_eq!(schedule.begins_after(next), Some(at("2026-01-05T09:30:00Z")));
    }

    #[test]
    fn how_often_is_seen_in_the_pattern() {
        let of = |text: &str| {
            let pattern = Pattern::parse(text).unwrap();
            Schedule::usual(Timing::Cron { pattern, zone: TimeZone::UTC }).rhythm()
        };
        assert_eq!(of("*/5 * * * *"), "hourly");
        assert_eq!(of("0 */6 * * *"), "hourly");
        assert_eq!(of("0 2 * * *"), "daily");
        assert_eq!(of("0 2 * * MON-FRI"), "daily");
        assert_eq!(of("0 3 * * 0"), "weekly");
        assert_eq!(of("0 4 1 * *"), "monthly");
        assert_eq!(of("0 4 1 1 *"), "yearly");
    }
}
