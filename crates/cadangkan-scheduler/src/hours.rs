use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use crate::days::{minutes, weekday};

/// How far ahead an opening is looked for; what has none until then has none.
const MINUTES_AHEAD: u32 = 15 * 24 * 60;

/// Hours in which runs may begin or may not: `22:00-06:00`, `mon-fri 08:00-18:00`, `sunday`, `2026-12-24..2026-12-26`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hours {
    /// On these days of the week from one minute of the day to another; to the next day's when that is earlier.
    Daily {
        /// The days on which it begins.
        days: Vec<Weekday>,
        /// The first minute.
        from: u16,
        /// The minute after the last.
        to: u16,
    },
    /// Whole days, with the last.
    Dates {
        /// The first.
        from: Date,
        /// The last.
        to: Date,
    },
}

impl Hours {
    /// Reads what is written; fails with `Configuration`.
    pub fn parse(text: &str) -> Result<Self> {
        read(text.trim()).ok_or_else(|| {
            let message = format!("\"{}\" are no hours", text.escape_debug());
            Error::new(ErrorKind::Configuration, message)
                .hint("write `22:00-06:00`, `mon-fri 08:00-18:00`, `sunday`, `2026-12-24` or `2026-12-24..2026-12-26`")
        })
    }

    fn hold(&self, date: Date, minute: u16) -> bool {
        match self {
            Hours::Dates { from, to } => (*from..=*to).contains(&date),
            Hours::Daily { days, from, to } if from < to => {
                days.contains(&date.weekday()) && (*from..*to).contains(&minute)
            }
            Hours::Daily { days, from, to } => {
                let today = days.contains(&date.weekday()) && minute >= *from;
                today || (days.contains(&date.weekday().previous()) && minute < *to)
            }
        }
    }
}

/// The first moment from `time` on that lies within `open` (at any time where that is empty) and not within `closed`; `None`
/// when two weeks have none.
pub(crate) fn first_open(
    open: &[Hours],
    closed: &[Hours],
    zone: &TimeZone,
    time: Timestamp,
) -> Option<Timestamp> {
    let mut at = time;
    for _ in 0..MINUTES_AHEAD {
        let zoned = at.to_zoned(zone.clone());
        let (date, hour, minute) = (zoned.date(), zoned.hour(), zoned.minute());
        let minute = u16::try_from(i16::from(hour) * 60 + i16::from(minute)).unwrap_or(0);
        if let Some(Hours::Dates { to, .. }) =
            closed.iter().find(|hours| matches!(hours, Hours::Dates { .. }) && hours.hold(date, minute))
        {
            at = to.checked_add(1.day()).ok()?.to_zoned(zone.clone()).ok()?.timestamp();
            continue;
        }
        let holds = |hours: &Hours| hours.hold(date, minute);
        if (open.is_empty() || open.iter().any(holds)) && !closed.iter().any(holds) {
            return Some(at);
        }
        let into = SignedDuration::from_nanos(
            i64::try_from(at.as_nanosecond().rem_euclid(60_000_000_000)).unwrap_or(0),
        );
        at = at.checked_add(SignedDuration::from_mins(1) - into).ok()?;
    }
    None
}

fn read(text: &str) -> Option<Hours> {
    if let Some((from, to)) = text.split_once("..") {
        let (from, to): (Date, Date) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        return (from <= to).then_some(Hours::Dates { from, to });
    }
    if let Ok(date) = text.parse::<Date>() {
        return Some(Hours::Dates { from: date, to: date });
    }
    let (days, times) = match text.rsplit_once(char::is_whitespace) {
        Some((days, times)) => (days.trim(), times),
        None if text.contains(':') => ("", text),
        None if text.is_empty() => return None,
        None => (text, "00:00-24:00"),
    };
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minutes(from.trim())?, minutes(to.trim())?);
    (from != to && from < 24 * 60).then_some(Hours::Daily { days: read_days(days)?, from, to })
}

fn read_days(text: &str) -> Option<Vec<Weekday>> {
    if text.is_empty() {
        return Some(Weekday::Monday.cycle_forward().take(7).collect());
    }
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.trim().split_once('-') {
            None => days.push(weekday(part.trim())?),
            Some((first, last)) => {
                let (first, last) = (weekday(first.trim())?, weekday(last.trim())?);
                let length = usize::try_from(last.since(first)).ok()? + 1;
                days.extend(first.cycle_forward().take(length));
            }
        }
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(open: &[&str], closed: &[&str], at: &str) -> Option<String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let read = |texts: &[&str]| texts.iter().map(|text| Hours::parse(text).unwrap()).collect::<Vec<_>>();
        let time = at.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
        let found = first_open(&read(open), &read(closed), &zone, time)?;
        Some(found.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S").to_string())
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let night = ["fri 22:00-06:00"];
        // The 15th of January 2026 is a Thursday.
        assert_eq!(opens(&night, &[], "2026-01-15T23:00:00").unwrap(), "2026-01-16T22:00:00");
        assert_eq!(opens(&night, &[], "2026-01-17T05:59:59").unwrap(), "2026-01-17T05:59:59");
        assert_eq!(opens(&night, &[], "2026-01-17T06:00:00").unwrap(), "2026-01-23T22:00:00");
    }

    #[test]
    fn what_is_closed_wins() {
        let closed = ["mon-fri 08:00-18:00", "2026-01-15..2026-01-16", "2026-02-01"];
        assert_eq!(opens(&[], &closed, "2026-01-14T09:15:30").unwrap(), "2026-01-14T18:00:00");
        assert_eq!(opens(&[], &closed, "2026-01-15T20:00:00").unwrap(), "2026-01-17T00:00:00");
        assert_eq!(opens(&["sunday"], &closed, "2026-01-31T12:00:00").unwrap(), "2026-02-08T00:00:00");
        assert_eq!(opens(&["01:00-02:00"], &["01:00-02:00"], "2026-01-14T09:00:00"), None);
        // The hour that is left out in spring holds nothing: the next night does.
        assert_eq!(opens(&["02:00-03:00"], &[], "2026-03-28T12:00:00").unwrap(), "2026-03-30T02:00:00");
    }

    #[test]
    fn what_is_no_span_of_time_is_refused() {
        for wrong in [
            "",
            "22:00",
            "22:00-22:00",
            "24:00-25:00",
            "xyz 01:00-02:00",
            "2026-13-01",
            "2026-02-02..2026-02-01",
        ] {
            assert!(Hours::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Hours::parse("sat,sun 00:00-24:00").is_ok());
    }
}
