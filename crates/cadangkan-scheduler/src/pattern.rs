use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

/// The longest gap or fold that a zone has had since 1970, rounded up: what is searched for minutes that are not there.
const LONGEST_GAP: i64 = 25 * 60;

/// At which minutes something is due: a cron pattern of five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
///
/// When clocks are set forward, what was due within the hour that is left out is due once, at its end; when they are set
/// back, what is due within the hour that comes twice is due in the first. That is how cron by Paul Vixie does it for
/// jobs at fixed hours. A pattern for every hour (`*`) follows the hours that there are.
#[derive(Clone, Debug)]
pub struct Pattern {
    cron: Box<Cron>,
    text: String,
    every_hour: bool,
}

impl Pattern {
    /// Reads a pattern. Fails with `Configuration` for what is none, and for one that never comes, such as `0 0 31 2 *`.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let wrong = |why: String| {
            Error::new(ErrorKind::Configuration, format!("\"{}\" is no cron pattern: {why}", text.escape_debug()))
                .hint("five fields: minute, hour, day of the month, month, day of the week; `0 2 * * *` is daily at 02:00")
        };
        // Longer than any pattern that somebody means; the parser takes lists of any length.
        if trimmed.len() > 200 {
            return Err(wrong("it is too long".to_owned()));
        }
        let cron = parser.parse(trimmed).map_err(|error| wrong(error.to_string()))?;
        let hour = trimmed.split_whitespace().nth(1);
        let every_hour = trimmed.eq_ignore_ascii_case("@hourly") || hour == Some("*");
        let pattern = Pattern { cron: Box::new(cron), text: trimmed.to_owned(), every_hour };
        match pattern.next_after(&TimeZone::UTC, Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(pattern),
            None => Err(wrong("there is no such day".to_owned())),
        }
    }

    /// The first time after a moment that it is due; `None` when there is none to come.
    pub fn next_after(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut regular = after.to_zoned(zone.clone());
        let found = loop {
            match self.cron.find_next_occurrence(&regular, false) {
                Ok(next) if next.timestamp() > regular.timestamp() => regular = next,
                _ => break None,
            }
            if self.every_hour || !comes_again(zone, &regular) {
                break Some(regular.timestamp());
            }
        };
        if self.every_hour {
            return found;
        }
        let left_out = self.left_out(zone, after, found);
        left_out.into_iter().chain(found).min()
    }

    /// In words: "At 02:00".
    pub fn words(&self) -> String {
        self.cron.describe().trim_end_matches('.').to_owned()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The end of the first gap of the zone in which something would have been due, before what is due anyway.
    fn left_out(&self, zone: &TimeZone, after: Timestamp, until: Option<Timestamp>) -> Option<Timestamp> {
        // What is due at the end of a gap was not due before it, so a gap that ends right then counts as well.
        let mut transitions =
            zone.following(after).take_while(|change| until.is_none_or(|until| change.timestamp() < until));
        // A year holds a few; what is due within it, or never.
        transitions
            .by_ref()
            .take(8)
            .map(|change| change.timestamp())
            .find(|&change| self.is_due_in_gap(zone, change))
    }

    fn is_due_in_gap(&self, zone: &TimeZone, change: Timestamp) -> bool {
        let Ok(before) = change.checked_sub(SignedDuration::from_secs(1)) else { return false };
        let (from, to) = (zone.to_offset(before), zone.to_offset(change));
        let gap = i64::from(to.seconds()) - i64::from(from.seconds());
        let first = from.to_datetime(change);
        (0..(gap / 60).clamp(0, LONGEST_GAP)).any(|minute| {
            first.checked_add(SignedDuration::from_mins(minute)).is_ok_and(|time| self.matches(time))
        })
    }

    /// Tells whether it is due at a time by the clock on the wall.
    fn matches(&self, time: DateTime) -> bool {
        let zoned = time.to_zoned(TimeZone::UTC);
        zoned.is_ok_and(|zoned| self.cron.is_time_matching(&zoned).unwrap_or(false))
    }
}

/// Tells whether the clock on the wall showed this before, since it was set back.
fn comes_again(zone: &TimeZone, time: &Zoned) -> bool {
    let first = zone.to_ambiguous_zoned(time.datetime()).compatible();
    first.is_ok_and(|first| first.timestamp() < time.timestamp())
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn times(pattern: &str, zone: &TimeZone, from: &str, count: usize) -> Vec<String> {
        let pattern = Pattern::parse(pattern).unwrap();
        let mut after: Timestamp = from.parse().unwrap();
        (0..count)
            .map(|_| {
                after = pattern.next_after(zone, after).unwrap();
                after.to_zoned(zone.clone()).strftime("%m-%d %H:%M%:z").to_string()
            })
            .collect()
    }

    #[test]
    fn what_the_spring_leaves_out_is_due_at_the_end_of_the_gap() {
        let from = "2026-03-28T12:00:00Z";
        assert_eq!(times("30 2 * * *", &berlin(), from, 2), ["03-29 03:00+02:00", "03-30 02:30+02:00"]);
        assert_eq!(times("*/30 2 * * *", &berlin(), from, 2), ["03-29 03:00+02:00", "03-30 02:00+02:00"]);
        let two = times("0 2,4 * * *", &berlin(), from, 3);
        assert_eq!(two, ["03-29 03:00+02:00", "03-29 04:00+02:00", "03-30 02:00+02:00"]);
        assert_eq!(times("0 2-3 * * *", &berlin(), from, 2), ["03-29 03:00+02:00", "03-30 02:00+02:00"]);
        assert_eq!(times("0 1 * * *", &berlin(), from, 1), ["03-29 01:00+01:00"]);
    }

    #[test]
    fn what_the_autumn_brings_twice_is_due_once() {
        let from = "2026-10-24T12:00:00Z";
        assert_eq!(times("30 2 * * *", &berlin(), from, 2), ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
        let halves = times("*/30 2 * * *", &berlin(), from, 3);
        assert_eq!(halves, ["10-25 02:00+02:00", "10-25 02:30+02:00", "10-26 02:00+01:00"]);
        assert_eq!(times("0 3 * * *", &berlin(), from, 1), ["10-25 03:00+01:00"]);
    }

    #[test]
    fn every_hour_follows_the_hours_that_there_are() {
        let spring = times("0 * * * *", &berlin(), "2026-03-29T00:00:00Z", 2);
        assert_eq!(spring, ["03-29 03:00+02:00", "03-29 04:00+02:00"]);
        let autumn = times("0 * * * *", &berlin(), "2026-10-24T23:30:00Z", 3);
        assert_eq!(autumn, ["10-25 02:00+02:00", "10-25 02:00+01:00", "10-25 03:00+01:00"]);
        assert_eq!(times("15 * * * *", &berlin(), "2026-03-29T00:30:00Z", 1), ["03-29 03:15+02:00"]);
    }

    #[test]
    fn odd_zones_are_right_too() {
        // Half an hour of summer time, and a day that was left out whole.
        let howe = TimeZone::get("Australia/Lord_Howe").unwrap();
        assert_eq!(times("15 2 * * *", &howe, "2026-10-03T12:00:00Z", 1), ["10-04 02:30+11:00"]);
        let apia = TimeZone::get("Pacific/Apia").unwrap();
        let skipped = times("0 2 30 12 *", &apia, "2011-12-29T20:00:00Z", 1);
        assert_eq!(skipped, ["12-31 00:00+14:00"]);
    }

    #[test]
    fn what_never_comes_is_refused() {
        for wrong in
            ["", "0 0 31 2 *", "61 * * * *", "* * * *", "0 0 2 * * *", "H 2 * * *", "@reboot", "2 o'clock"]
        {
            assert_eq!(Pattern::parse(wrong).unwrap_err().kind(), ErrorKind::Configuration, "{wrong}");
        }
        assert_eq!(Pattern::parse(" @daily ").unwrap().as_str(), "@daily");
        for good in ["0 2 * * MON-FRI", "0 0 L * *", "0 4 * * 7", "0 2 29 2 *"] {
            assert!(Pattern::parse(good).is_ok(), "{good}");
        }
    }
}
