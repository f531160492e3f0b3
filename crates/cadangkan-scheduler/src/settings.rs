use std::time::Duration;

use cadangkan_core::settings::parse_duration;
use cadangkan_core::{Error, ErrorKind, Name, Result};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};

use crate::days::{minutes, weekday};
use crate::plan::Task;
use crate::retry::Retry;
use crate::schedule::{Io, Missed, Schedule, Timing};
use crate::{Hours, Pattern};

/// A schedule, as it is written in the file and kept in the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleSettings {
    /// A cron pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Or how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// At what time of the day, with `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// On which day of the week or month, with `every`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_number")]
    pub day: Option<String>,
    /// Or after each good backup of another database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Name>,
    /// The zone in which the times are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The storages, where not those of the database.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<Name>,
    /// Which of the backups that it makes stay, where not as for the database; it is for others to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<serde_json::Value>,
    /// The longest that a run waits by chance after its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    /// Hours in which runs may begin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<String>,
    /// Hours and days in which they may not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blackout: Vec<String>,
    /// What becomes of a run whose time passed while nothing could run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// How often a failed run is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySettings>,
    /// The longest that a run may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The load of this machine above which a run waits.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_number")]
    pub max_load: Option<String>,
    /// The sessions at work on the database's server above which a run waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u64>,
    /// How much a run gives way to other processes, 0 to 19.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<u8>,
    /// How its reads and writes give way to those of other processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<Io>,
    /// How many processors a run may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u16>,
}

/// How often something is due, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Each hour, at the full hour.
    Hourly,
    /// Each day, at 02:00.
    Daily,
    /// Each Sunday, at 03:00.
    Weekly,
    /// The first of each month, at 04:00.
    Monthly,
}

/// How often a failed run is tried, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetrySettings {
    /// How often it is tried, the first time among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long until the second try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// The longest wait between two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<String>,
}

impl ScheduleSettings {
    /// Keys of the map in the file.
    pub const KEYS: &[&str] = &[
        "cron",
        "every",
        "time",
        "day",
        "after",
        "timezone",
        "enabled",
        "task",
        "storage",
        "retention",
        "jitter",
        "window",
        "blackout",
        "missed",
        "retry",
        "timeout",
        "max_load",
        "max_sessions",
        "nice",
        "io",
        "cpus",
    ];

    /// Keys of `retry`.
    pub const RETRY_KEYS: &[&str] = &["attempts", "delay", "max_delay"];

    /// Says how often a failed run is tried, where something is said.
    pub fn set_retry(&mut self, attempts: Option<u32>, delay: Option<String>) {
        if attempts.is_some() || delay.is_some() {
            self.retry = Some(RetrySettings { attempts, delay, max_delay: None });
        }
    }

    /// What is meant, with `zone` where it names none. Fails with `Configuration` when it cannot be meant.
    pub fn schedule(&self, zone: &TimeZone) -> Result<Schedule> {
        let retry = self.retry.clone().unwrap_or_default();
        let usual = Retry::default();
        let hours =
            |texts: &[String]| texts.iter().map(|text| Hours::parse(text)).collect::<Result<Vec<_>>>();
        let read = |text: &String| text.parse::<f64>().ok().filter(|load| load.is_finite() && *load > 0.0);
        let max_load = self
            .max_load
            .as_ref()
            .map(|text| read(text).ok_or_else(|| wrong("`max_load` is a number above 0, such as 4.0")));
        if self.nice.is_some_and(|nice| nice > 19) {
            return Err(wrong("`nice` is a number from 0 to 19"));
        }
        if self.cpus == Some(0) {
            return Err(wrong("`cpus` is at least 1"));
        }
        if self.retention.is_some() && self.task.unwrap_or_default() != Task::Backup {
            return Err(wrong("`retention` belongs to a schedule that makes backups"));
        }
        let attempts = retry.attempts.unwrap_or(usual.attempts);
        if !(1..=100).contains(&attempts) {
            return Err(wrong("`retry: attempts` is a number from 1 to 100; 1 is no retry"));
        }
        let schedule = Schedule {
            timing: self.timing(zone)?,
            enabled: self.enabled.unwrap_or(true),
            task: self.task.unwrap_or_default(),
            storage: self.storage.clone(),
            jitter: length("jitter", self.jitter.as_ref(), Duration::ZERO)?,
            window: hours(&self.window)?,
            blackout: hours(&self.blackout)?,
            missed: self.missed.unwrap_or_default(),
            retry: Retry {
                attempts,
                delay: length("delay", retry.delay.as_ref(), usual.delay)?,
                max_delay: length("max_delay", retry.max_delay.as_ref(), usual.max_delay)?,
            },
            timeout: length("timeout", self.timeout.as_ref(), Schedule::USUAL_TIMEOUT)?,
            max_load: max_load.transpose()?,
            max_sessions: self.max_sessions,
            nice: self.nice,
            io: self.io,
            cpus: self.cpus,
        };
        schedule.check().map(|()| schedule)
    }

    fn timing(&self, zone: &TimeZone) -> Result<Timing> {
        let zone = match &self.timezone {
            None => zone.clone(),
            Some(name) => TimeZone::get(name).map_err(|_| {
                wrong(format!("`timezone`: \"{}\" is not a known time zone", name.escape_debug()))
                    .hint("use a name of the IANA database, such as Europe/Berlin or UTC")
            })?,
        };
        if self.every.is_none() && (self.time.is_some() || self.day.is_some()) {
            return Err(wrong("`time` and `day` belong to `every`").hint("a cron pattern has both in it"));
        }
        match (&self.cron, self.every, &self.after) {
            (Some(text), None, None) => Ok(Timing::Cron { pattern: Pattern::parse(text)?, zone }),
            (None, Some(every), None) => {
                Ok(Timing::Cron { pattern: Pattern::parse(&self.pattern_of(every)?)?, zone })
            }
            (None, None, Some(database)) => Ok(Timing::After(database.clone())),
            _ => Err(wrong("a schedule has one of `cron`, `every` and `after`")
                .hint("`cron: \"0 2 * * *\"`, or `every: daily`, or `after: another-database`")),
        }
    }

    /// The cron pattern of a shortcut.
    fn pattern_of(&self, every: Every) -> Result<String> {
        let time = self.time.as_deref().map(|text| {
            let read = minutes(text).filter(|minutes| *minutes < 24 * 60);
            read.ok_or_else(|| {
                wrong(format!("`time`: \"{}\" is no time of day, such as 02:00", text.escape_debug()))
            })
        });
        let time = time.transpose()?;
        let at = |usual: u16| {
            let time = time.unwrap_or(usual);
            (time % 60, time / 60)
        };
        let day = self.day.as_deref();
        let no_day = |what: &str| match day {
            Some(_) => Err(wrong(format!("`day` is for weekly and monthly, and this is {what}"))),
            None => Ok(()),
        };
        Ok(match every {
            Every::Hourly => {
                no_day("hourly")?;
                if time.is_some_and(|time| time >= 60) {
                    return Err(wrong(
                        "`time` of an hourly schedule is the minute of each hour, such as 00:15",
                    ));
                }
                format!("{} * * * *", time.unwrap_or(0))
            }
            Every::Daily => {
                no_day("daily")?;
                let (minute, hour) = at(120);
                format!("{minute} {hour} * * *")
            }
            Every::Weekly => {
                let text = day.unwrap_or("sunday");
                let day = weekday(text).ok_or_else(|| {
                    wrong(format!("`day`: \"{}\" is no day of the week", text.escape_debug()))
                })?;
                let (minute, hour) = at(180);
                format!("{minute} {hour} * * {}", day.to_sunday_zero_offset())
            }
            Every::Monthly => {
                let text = day.unwrap_or("1");
                let day = if text.eq_ignore_ascii_case("last") { Some("L".to_owned()) } else { None };
                let number = || {
                    text.parse::<u8>().ok().filter(|day| (1..=31).contains(day)).map(|day| day.to_string())
                };
                let day = day.or_else(number).ok_or_else(|| {
                    wrong(format!(
                        "`day`: \"{}\" is no day of the month, 1 to 31 or last",
                        text.escape_debug()
                    ))
                })?;
                let (minute, hour) = at(240);
                format!("{minute} {hour} {day} * *")
            }
        })
    }
}

fn length(key: &str, text: Option<&String>, usual: Duration) -> Result<Duration> {
    let Some(text) = text else { return Ok(usual) };
    let most = Duration::from_secs(366 * 86_400);
    parse_duration(text).filter(|length| *length <= most).ok_or_else(|| {
        wrong(format!("`{key}`: \"{}\" is not a length of time such as 10m", text.escape_debug()))
    })
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// A day of the month or a load may be a plain number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(serde_json::Number),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Schedule> {
        serde_json::from_value::<ScheduleSettings>(value).unwrap().schedule(&TimeZone::UTC)
    }

    fn pattern(value: Value) -> String {
        match read(value).unwrap().timing {
            Timing::Cron { pattern, .. } => pattern.as_str().to_owned(),
            Timing::After(database) => format!("after {database}"),
        }
    }

    #[test]
    fn shortcuts_have_the_usual_times() {
        assert_eq!(pattern(json!({ "every": "hourly" })), "0 * * * *");
        assert_eq!(pattern(json!({ "every": "daily" })), "0 2 * * *");
        assert_eq!(pattern(json!({ "every": "weekly" })), "0 3 * * 0");
        assert_eq!(pattern(json!({ "every": "monthly" })), "0 4 1 * *");
        assert_eq!(pattern(json!({ "every": "daily", "time": "23:15" })), "15 23 * * *");
        assert_eq!(pattern(json!({ "every": "weekly", "day": "Fri", "time": "1:00" })), "0 1 * * 5");
        assert_eq!(pattern(json!({ "every": "monthly", "day": 15 })), "0 4 15 * *");
        assert_eq!(pattern(json!({ "every": "monthly", "day": "last" })), "0 4 L * *");
        assert_eq!(pattern(json!({ "after": "shop" })), "after shop");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [
            json!({}),
            json!({ "cron": "0 2 * * *", "every": "daily" }),
            json!({ "cron": "0 2 * * *", "time": "02:00" }),
            json!({ "every": "daily", "day": "monday" }),
            json!({ "every": "weekly", "day": "1" }),
            json!({ "every": "monthly", "day": 32 }),
            json!({ "every": "daily", "time": "24:00" }),
            json!({ "every": "daily", "timezone": "Europe/Nowhere" }),
            json!({ "every": "daily", "jitter": "soon" }),
            json!({ "every": "hourly", "jitter": "60m" }),
            json!({ "cron": "*/5 * * * *", "jitter": "5m" }),
            json!({ "every": "hourly", "time": "05:15" }),
            json!({ "every": "daily", "window": ["midnight"] }),
            json!({ "every": "daily", "window": ["01:00-02:00"], "blackout": ["00:00-06:00"] }),
            json!({ "every": "daily", "retry": { "attempts": 0 } }),
            json!({ "every": "daily", "timeout": "0s" }),
            json!({ "every": "daily", "nice": 20 }),
            json!({ "every": "daily", "max_load": -1.0 }),
            json!({ "every": "daily", "cpus": 0 }),
            json!({ "every": "daily", "task": "cleanup", "retention": { "daily": 7 } }),
        ] {
            assert_eq!(read(wrong.clone()).unwrap_err().kind(), ErrorKind::Configuration, "{wrong}");
        }
    }
}
