use cadangkan_core::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// How time is cut into periods: in which zone, and with which day a week begins.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// The zone whose days count.
    pub zone: TimeZone,
    /// The first day of a week.
    pub week_start: Weekday,
}

/// A period of which the newest backup may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// An hour by the clock. The hour that is there twice when summer time ends counts as two.
    Hour,
    /// A day, from midnight to midnight in the zone.
    Day,
    /// A week, named by its first day.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// One period of the calendar; two moments in the same one are equal by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    first_day: Date,
    hour: i8,
    offset_seconds: i32,
}

impl Period {
    /// The shortest first.
    pub const ALL: [Period; 5] = [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year];

    /// `hourly`, `daily` …
    pub fn adjective(self) -> &'static str {
        match self {
            Period::Hour => "hourly",
            Period::Day => "daily",
            Period::Week => "weekly",
            Period::Month => "monthly",
            Period::Year => "yearly",
        }
    }
}

impl Calendar {
    /// The period in which a moment lies.
    pub(crate) fn bucket(&self, period: Period, time: Timestamp) -> Bucket {
        let zoned = time.to_zoned(self.zone.clone());
        let date = zoned.date();
        let day = |first_day| Bucket { first_day, hour: 0, offset_seconds: 0 };
        match period {
            Period::Hour => {
                Bucket { first_day: date, hour: zoned.hour(), offset_seconds: zoned.offset().seconds() }
            }
            Period::Day => day(date),
            Period::Week => day(self.first_of_week(date)),
            Period::Month => day(date.first_of_month()),
            Period::Year => day(date.first_of_year()),
        }
    }

    /// The period in words: `2026-01-15 14h`, `2026-01-15`, `the week of 2026-01-12`, `2026-01`, `2026`.
    pub(crate) fn name(&self, period: Period, time: Timestamp) -> String {
        let zoned = time.to_zoned(self.zone.clone());
        match period {
            Period::Hour => zoned.strftime("%Y-%m-%d %Hh").to_string(),
            Period::Day => zoned.strftime("%Y-%m-%d").to_string(),
            Period::Week => format!("the week of {}", self.first_of_week(zoned.date())),
            Period::Month => zoned.strftime("%Y-%m").to_string(),
            Period::Year => zoned.strftime("%Y").to_string(),
        }
    }

    fn first_of_week(&self, date: Date) -> Date {
        let passed = date.weekday().since(self.week_start);
        // Before the first day that can be written there is no other: such a week begins with it.
        date.checked_sub(jiff::Span::new().days(passed)).unwrap_or(Date::MIN)
    }
}
