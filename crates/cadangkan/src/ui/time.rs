//! Times for people.

use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Writes a time in a zone: `2026-01-15 14:30:22`.
pub(crate) fn format_time(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes a time to the minute, with the zone it is shown in: `Fri 2026-01-16 02:00 CET`.
pub(crate) fn format_moment(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// Writes how long ago something was: `just now`, `2 hours ago`; also `in 3 minutes`, when a clock was set back.
pub(crate) fn format_age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    let (number, unit) = match seconds.unsigned_abs() {
        0..=9 => return "just now".to_owned(),
        seconds @ 10..=59 => (seconds, "second"),
        seconds @ 60..=3599 => (seconds / 60, "minute"),
        seconds @ 3600..=86_399 => (seconds / 3600, "hour"),
        seconds @ 86_400..=1_209_599 => (seconds / 86_400, "day"),
        seconds @ 1_209_600..=5_183_999 => (seconds / 604_800, "week"),
        seconds @ 5_184_000..=63_071_999 => (seconds / 2_592_000, "month"),
        seconds => (seconds / 31_536_000, "year"),
    };
    let plural = if number == 1 { "" } else { "s" };
    if seconds < 0 { format!("in {number} {unit}{plural}") } else { format!("{number} {unit}{plural} ago") }
}

/// Reads a moment, as `--since` and `--until` take it.
///
/// It is a time of RFC 3339, a date or a date with a time in `zone`, or a length of time before `now`: `90s`,
/// `30m`, `24h`, `7d`, `2w`. Fails with `Usage`.
pub(crate) fn parse_moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let moment = match parse_before(text, now) {
        Some(moment) => Some(moment),
        None => parse_civil(text)
            .and_then(|civil| civil.to_zoned(zone.clone()).ok())
            .map(|zoned| zoned.timestamp()),
    };
    moment.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("\"{}\" is not a time", text.escape_debug())).hint(
            "write 2026-01-15, 2026-01-15T14:30, 2026-01-15T14:30:00Z, or 24h, 7d, 2w for that long ago",
        )
    })
}

fn parse_civil(text: &str) -> Option<DateTime> {
    // Longer text could be a date with an annotation that says something else than the zone.
    if text.len() == 10 {
        text.parse::<Date>().ok().map(DateTime::from)
    } else {
        text.parse::<DateTime>().ok()
    }
}

fn parse_before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let unit = text.chars().last()?;
    let number = text.strip_suffix(unit)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let seconds = number.parse::<i64>().ok()?.checked_mul(seconds)?;
    now.checked_sub(SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ages_in_words() {
        let now = at("2026-01-15T12:00:00Z");
        let cases = [
            ("2026-01-15T11:59:55Z", "just now"),
            ("2026-01-15T11:59:00Z", "1 minute ago"),
            ("2026-01-15T10:00:00Z", "2 hours ago"),
            ("2026-01-14T12:00:00Z", "1 day ago"),
            ("2026-01-02T12:00:00Z", "13 days ago"),
            ("2026-01-01T12:00:00Z", "2 weeks ago"),
            ("2025-10-15T12:00:00Z", "3 months ago"),
            ("2023-01-15T12:00:00Z", "3 years ago"),
            ("2026-01-15T12:03:10Z", "in 3 minutes"),
        ];
        for (time, expected) in cases {
            assert_eq!(format_age(at(time), now), expected, "{time}");
        }
        assert_eq!(format_age(Timestamp::MIN, Timestamp::MAX), "20012 years ago");
    }

    #[test]
    fn times_in_a_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(format_time(at("2026-01-15T13:30:22Z"), &berlin), "2026-01-15 14:30:22");
        assert_eq!(format_time(at("2026-07-15T13:30:22Z"), &berlin), "2026-07-15 15:30:22");
    }

    #[test]
    fn reads_moments() {
        let now = at("2026-01-15T12:00:00Z");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let cases = [
            ("24h", "2026-01-14T12:00:00Z"),
            ("7d", "2026-01-08T12:00:00Z"),
            ("2w", "2026-01-01T12:00:00Z"),
            ("90s", "2026-01-15T11:58:30Z"),
            ("2026-01-15", "2026-01-14T23:00:00Z"),
            ("2026-07-15 14:30", "2026-07-15T12:30:00Z"),
            ("2026-07-15T14:30:10", "2026-07-15T12:30:10Z"),
            ("2026-07-15T14:30:10Z", "2026-07-15T14:30:10Z"),
            ("2026-07-15T14:30:10-05:00", "2026-07-15T19:30:10Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_moment(text, now, &berlin).unwrap(), at(expected), "{text}");
        }
        for bad in
            ["", "yesterday", "7", "7y", "-7d", "99999999999999999999d", "999999999999d", "2026-13-01", "é"]
        {
            let error = parse_moment(bad, now, &berlin).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
        }
    }
}
