use std::time::Duration;

/// Writes a size for people, in decimal units: `890 B`, `1.4 MB`, `234 MB`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = UNITS[0];
    for next in UNITS.into_iter().skip(1) {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Writes a duration for people, in at most two units: `0.4s`, `12s`, `2m 34s`, `3h 05m`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1}s", duration.as_secs_f64()),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes a second; none before it can be told.
pub fn bytes_per_second(bytes: u64, took: Duration) -> Option<u64> {
    let rate = u128::from(bytes).checked_mul(1000)?.checked_div(took.as_millis())?;
    u64::try_from(rate).ok().filter(|rate| *rate > 0)
}

/// Names the first of many for people, and says how many more there are: `a, b and 7 more`.
pub fn format_some<T: ToString>(names: &[T], shown: usize) -> String {
    let first = names.iter().take(shown).map(T::to_string).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_some_are_shown() {
        assert_eq!(format_some(&["a", "b"], 2), "a, b");
        assert_eq!(format_some(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(format_some::<&str>(&[], 2), "");
    }

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_440_000, "1.4 MB"),
            (9_960_000, "10 MB"),
            (234_400_000, "234 MB"),
            (999_600_000, "1.0 GB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(format_bytes(bytes), text);
        }
    }

    #[test]
    fn durations_are_short() {
        let cases = [(400, "0.4s"), (12_000, "12s"), (154_000, "2m 34s"), (11_100_000, "3h 05m")];
        for (milliseconds, text) in cases {
            assert_eq!(format_duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
