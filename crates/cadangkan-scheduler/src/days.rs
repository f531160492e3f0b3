use jiff::civil::Weekday;

/// Reads a day of the week: its English name, or its first letters, at least two.
pub(crate) fn weekday(text: &str) -> Option<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let text = text.to_ascii_lowercase();
    let found = DAYS.iter().find(|(name, _)| text.len() >= 2 && name.starts_with(text.as_str()));
    found.map(|(_, day)| *day)
}

/// Reads a time of day: `02:00`, `2:30`; `24:00` is the end of the day. Minutes since midnight.
pub(crate) fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| -> Option<u16> {
        ((1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute).filter(|_| minute.len() == 2)?);
    (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_as_people_write_them() {
        assert_eq!(weekday("Sunday"), Some(Weekday::Sunday));
        assert_eq!(weekday("thu"), Some(Weekday::Thursday));
        assert_eq!(weekday("s"), None);
        assert_eq!(weekday("someday"), None);
        assert_eq!(minutes("02:00"), Some(120));
        assert_eq!(minutes("2:30"), Some(150));
        assert_eq!(minutes("24:00"), Some(1440));
        for wrong in ["2", "2:5", "25:00", "24:01", "02:60", "+2:00", "002:00", ":", "2:30 pm"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }
}
