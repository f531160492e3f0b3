use std::time::Duration;

use cadangkan_catalog::{BackupRecord, Run, RunStatus};
use cadangkan_core::{Timestamp, format_duration};
use serde::Serialize;

use super::{DAYS, Planned, Tried};
use crate::ui::count::count;
use crate::ui::time::format_age;

/// How good the backups of a database are, of a hundred: success counts for 50, recency for 30, consistency for 20.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Score {
    /// All together.
    pub(crate) total: u8,
    /// What it is made of.
    pub(crate) parts: [Part; 3],
}

/// One part of the score.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    /// What is looked at.
    pub(crate) name: &'static str,
    /// The most it can count.
    pub(crate) weight: u8,
    /// From 0 to 100.
    pub(crate) percent: u8,
    /// Why, in words.
    pub(crate) reason: String,
}

/// Recency where nothing is planned is counted in days.
const DAY: Duration = Duration::from_hours(24);

/// So many intervals after the first one was missed nothing is left of recency.
const MISSED: f64 = 7.0;

impl Score {
    pub(super) fn of(
        tried: Tried,
        last_try: Option<&Run>,
        last_good: Option<&BackupRecord>,
        planned: &Planned,
        intervals: &[Duration],
        now: Timestamp,
    ) -> Self {
        let (success, why) = success(tried, last_try, last_good.is_some());
        let (recency, how_old) = recency(last_good.map(|backup| backup.created_at), planned.interval, now);
        let (consistency, how_regular) = match last_good {
            Some(_) => consistency(intervals),
            None => (0.0, "there is no good backup".to_owned()),
        };
        let total = 0.5 * success + 0.3 * recency + 0.2 * consistency;
        Score {
            total: percent(total),
            parts: [
                Part { name: "success", weight: 50, percent: percent(success), reason: why },
                Part { name: "recency", weight: 30, percent: percent(recency), reason: how_old },
                Part { name: "consistency", weight: 20, percent: percent(consistency), reason: how_regular },
            ],
        }
    }
}

/// The part of the backups that were tried in the last days and reached every storage.
fn success(tried: Tried, last_try: Option<&Run>, has_good: bool) -> (f64, String) {
    let Tried { all, good } = tried;
    if all > 0 {
        let text = format!("{good} of {} of the last {DAYS} days went well", count(all, "backup"));
        return (good as f64 / all as f64, text);
    }
    match last_try {
        Some(run) if run.status == RunStatus::Completed => {
            (1.0, format!("none was tried in the last {DAYS} days; the last one before went well"))
        }
        Some(_) => (0.0, format!("none was tried in the last {DAYS} days; the last one before failed")),
        None if has_good => (1.0, "no run is known; a good backup is there".to_owned()),
        None => (0.0, "none was ever tried".to_owned()),
    }
}

/// Whole until the next one is due, nothing at seven missed.
fn recency(last: Option<Timestamp>, planned: Option<Duration>, now: Timestamp) -> (f64, String) {
    let Some(last) = last else { return (0.0, "there is no good backup".to_owned()) };
    // What a wrong clock put into the future is fresh.
    let age = Duration::try_from(now.duration_since(last)).unwrap_or_default();
    let interval = planned.unwrap_or(DAY).max(Duration::from_secs(1));
    let missed = (age.as_secs_f64() / interval.as_secs_f64() - 1.0).max(0.0);
    let ago = format_age(last, now);
    let text = match planned {
        Some(planned) => {
            format!("the last good one was made {ago}, one is due every {}", format_duration(planned))
        }
        None => {
            format!("the last good one was made {ago}; a day is taken as usual, since nothing is planned")
        }
    };
    ((1.0 - missed / MISSED).max(0.0), text)
}

/// One less the standard deviation of the intervals in parts of their mean.
fn consistency(intervals: &[Duration]) -> (f64, String) {
    if intervals.len() < 2 {
        return (1.0, format!("fewer than three backups in the last {DAYS} days tell nothing"));
    }
    let seconds: Vec<f64> = intervals.iter().map(Duration::as_secs_f64).collect();
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    let variance = seconds.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / seconds.len() as f64;
    let deviation = variance.sqrt();
    let words = |seconds: f64| format_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let text = format!("they are {} apart, give or take {}", words(mean), words(deviation));
    if mean <= 0.0 { (1.0, text) } else { (1.0 - (deviation / mean).min(1.0), text) }
}

/// From 0 to 100; a hundred only where nothing is missing.
fn percent(part: f64) -> u8 {
    (part.clamp(0.0, 1.0) * 100.0 + 1e-9).floor() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn recent(age: Duration, planned: Option<Duration>) -> u8 {
        let now = Timestamp::from_second(2_000_000_000).unwrap();
        percent(recency(Some(now - age), planned, now).0)
    }

    #[test]
    fn recency_is_whole_until_one_is_due_and_nothing_at_seven_missed() {
        for (hours, expected) in [(0, 100), (24, 100), (48, 85), (24 * 8, 0), (24 * 90, 0)] {
            assert_eq!(recent(HOUR * hours, None), expected, "{hours}");
        }
        assert_eq!(recent(HOUR * 24, Some(HOUR * 24 * 7)), 100);
        assert_eq!(recent(HOUR * 4, Some(HOUR)), 57);
        assert_eq!(recent(HOUR * 8, Some(HOUR)), 0);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(percent(recency(Some(now + HOUR), None, now).0), 100);
        assert_eq!(percent(recency(None, None, now).0), 0);
    }

    #[test]
    fn consistency_falls_with_the_deviation() {
        assert_eq!(percent(consistency(&[]).0), 100);
        assert_eq!(percent(consistency(&[HOUR; 9]).0), 100);
        assert_eq!(percent(consistency(&[HOUR, HOUR * 3]).0), 50);
        assert_eq!(percent(consistency(&[HOUR, HOUR, HOUR, HOUR * 97]).0), 0);
        assert_eq!(percent(consistency(&[Duration::ZERO; 3]).0), 100);
    }

    #[test]
    fn percents_are_rounded_down_and_stay_within_bounds() {
        assert_eq!([0.0, 0.5, 0.999, 1.0, 2.0, -1.0, f64::NAN].map(percent), [0, 50, 99, 100, 100, 0, 0]);
    }
}
