//! Dates and times, in the style `ISO`, which writes the year first.

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// Days since 2000-01-01 of `YYYY-MM-DD`, for the years 1 to 9999.
pub(super) fn date(value: &[u8; 10]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = value else { return None };
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    if year == 0 || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    // Counted in years that begin with March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // 2000-01-01, counted in the same way.
    Some(days - 730_425)
}

fn days_of(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Microseconds since midnight of `HH:MM:SS`, with up to six digits behind it.
pub(super) fn time(value: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, fraction @ ..] = value else { return None };
    let (hours, minutes, seconds) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let whole = i64::from(hours) * HOUR + i64::from(minutes) * MINUTE + i64::from(seconds) * SECOND;
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            let mut micros = 0;
            for place in 0..6 {
                micros = micros * 10 + i64::from(digits.get(place).map_or(Some(0), |byte| one(*byte))?);
            }
            micros
        }
        _ => return None,
    };
    Some(whole + micros)
}

/// Microseconds since 2000-01-01 of a date and a time.
pub(super) fn timestamp(value: &[u8]) -> Option<i64> {
    let (day, rest) = value.split_first_chunk()?;
    Some(i64::from(date(day)?) * DAY + time(rest.strip_prefix(b" ")?)?)
}

/// The same in UTC, of a local time with its offset: `+HH`, `+HH:MM` or `+HH:MM:SS`.
pub(super) fn timestamp_with_zone(value: &[u8]) -> Option<i64> {
    // A sign behind the date.
    let sign = value.iter().skip(10).position(|byte| matches!(byte, b'+' | b'-'))? + 10;
    let (local, zone) = value.split_at_checked(sign)?;
    let offset = match zone {
        [_, h1, h2] => i64::from(two(*h1, *h2)?) * HOUR,
        [_, h1, h2, b':', m1, m2] => i64::from(two(*h1, *h2)?) * HOUR + i64::from(sixty(*m1, *m2)?) * MINUTE,
        [_, h1, h2, b':', m1, m2, b':', s1, s2] => {
            i64::from(two(*h1, *h2)?) * HOUR
                + i64::from(sixty(*m1, *m2)?) * MINUTE
                + i64::from(sixty(*s1, *s2)?) * SECOND
        }
        _ => return None,
    };
    // More the server does not take.
    let offset = Some(offset).filter(|offset| *offset < 16 * HOUR)?;
    let local = timestamp(local)?;
    Some(if zone.starts_with(b"-") { local + offset } else { local - offset })
}

fn sixty(tens: u8, ones: u8) -> Option<i32> {
    two(tens, ones).filter(|number| *number < 60)
}

fn two(tens: u8, ones: u8) -> Option<i32> {
    Some(one(tens)? * 10 + one(ones)?)
}

fn one(byte: u8) -> Option<i32> {
    byte.is_ascii_digit().then(|| i32::from(byte - b'0'))
}
