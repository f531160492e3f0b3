use std::collections::BTreeMap;

use cadangkan_core::settings::{self, parse_duration};
use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_retention::{Calendar, Policy, Rule};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::size::parse_bytes;

/// Which backups stay, as it is written in the file and kept in the catalog. Keys that are not known are named by the check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RetentionSettings {
    /// Everything stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keep_all: bool,
    /// How many hours keep their newest backup.
    #[serde(skip_serializing_if = "is_zero")]
    hourly: u32,
    /// How many days.
    #[serde(skip_serializing_if = "is_zero")]
    daily: u32,
    /// How many weeks.
    #[serde(skip_serializing_if = "is_zero")]
    weekly: u32,
    /// How many months.
    #[serde(skip_serializing_if = "is_zero")]
    monthly: u32,
    /// How many years.
    #[serde(skip_serializing_if = "is_zero")]
    yearly: u32,
    /// What is older goes: `90d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
    /// The oldest go while all are larger: `100GB`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_number")]
    max_size: Option<String>,
    /// So many of the newest stay whatever the limits say.
    #[serde(skip_serializing_if = "is_zero")]
    min_backups: u32,
    /// What is older goes, whatever else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hard_limit: Option<String>,
    /// The first day of a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    week_start: Option<WeekStart>,
    /// Another policy for some storages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) storages: BTreeMap<Name, RetentionSettings>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WeekStart {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl RetentionSettings {
    /// Keys of the map in the file.
    pub(crate) const KEYS: &[&str] = &[
        "keep_all",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "max_age",
        "max_size",
        "min_backups",
        "hard_limit",
        "week_start",
        "storages",
    ];

    /// Those of them that are a number of backups.
    pub(crate) const COUNTS: &[&str] = &["hourly", "daily", "weekly", "monthly", "yearly", "min_backups"];

    /// Reads what the catalog or a schedule holds.
    pub(crate) fn read(value: &Value) -> Result<Self> {
        settings::parse(value).map_err(|error| {
            let key = error.path.join(": ");
            let message = if key.is_empty() { error.message } else { format!("`{key}`: {}", error.message) };
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// What counts for a database that has a schedule where nobody said what stays; those of each hour
    /// only where some are made so often.
    pub(crate) fn usual(has_hourly: bool) -> Self {
        let hourly = if has_hourly { 24 } else { 0 };
        RetentionSettings { hourly, daily: 7, weekly: 4, monthly: 12, ..RetentionSettings::default() }
    }

    /// The same with a hard limit from outside, which holds wherever it names none.
    pub(crate) fn within(mut self, over_all: Option<String>) -> Self {
        self.hard_limit = self.hard_limit.or(over_all);
        for settings in self.storages.values_mut() {
            settings.hard_limit = settings.hard_limit.take().or_else(|| self.hard_limit.clone());
        }
        self
    }

    /// What counts in a storage.
    pub(crate) fn of(&self, storage: &Name) -> &RetentionSettings {
        self.storages.get(storage).unwrap_or(self)
    }

    /// The same for a plan, by the clocks of `zone`.
    pub(crate) fn rule(&self, zone: TimeZone) -> Result<Rule> {
        Ok(Rule { policy: self.policy()?, calendar: self.calendar(zone) })
    }

    /// The policy; fails with `Configuration` when it cannot be meant.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let age = |key: &str, text: &Option<String>| {
            let read = |text: &String| {
                parse_duration(text).ok_or_else(|| not(key, text, "a length of time such as 90d"))
            };
            text.as_ref().map(read).transpose()
        };
        let size =
            |text: &String| parse_bytes(text).ok_or_else(|| not("max_size", text, "a size such as 100GB"));
        let policy = Policy {
            keep_all: self.keep_all,
            hourly: self.hourly,
            daily: self.daily,
            weekly: self.weekly,
            monthly: self.monthly,
            yearly: self.yearly,
            max_age: age("max_age", &self.max_age)?,
            max_size: self.max_size.as_ref().map(size).transpose()?,
            min_backups: self.min_backups,
            hard_limit: age("hard_limit", &self.hard_limit)?,
        };
        policy.check().map(|()| policy)
    }

    /// How time is cut into days and weeks; weeks begin on Mondays unless it says otherwise, as in ISO 8601.
    fn calendar(&self, zone: TimeZone) -> Calendar {
        let week_start = match self.week_start.unwrap_or(WeekStart::Monday) {
            WeekStart::Monday => Weekday::Monday,
            WeekStart::Tuesday => Weekday::Tuesday,
            WeekStart::Wednesday => Weekday::Wednesday,
            WeekStart::Thursday => Weekday::Thursday,
            WeekStart::Friday => Weekday::Friday,
            WeekStart::Saturday => Weekday::Saturday,
            WeekStart::Sunday => Weekday::Sunday,
        };
        Calendar { zone, week_start }
    }
}

fn not(key: &str, text: &str, what: &str) -> Error {
    let message = format!("`{key}`: \"{}\" is not {what}", text.escape_debug());
    Error::new(ErrorKind::Configuration, message)
}

/// A size may be a plain number of bytes.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::Number(bytes) => bytes.to_string(),
        Either::Text(text) => text,
    }))
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
