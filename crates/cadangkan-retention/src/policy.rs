use std::fmt;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result, format_bytes};
use serde::Serialize;

use crate::Period;

/// What a person wishes to keep of one series of backups.
///
/// Counts keep: the newest backup of each of the last so many hours, days, weeks, months and years *that have one*, so
/// that a series that stopped is not eaten up by time. Limits remove: what is older than `max_age`, and the oldest while
/// all together are larger than `max_size`. A backup stays when a count keeps it, or when there are no counts, and no limit
/// removes it. What is [protected](crate::Reason::is_protection) stays whatever a policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Everything stays; nothing else may be said then but `hard_limit`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_all: bool,
    /// How many hours keep their newest backup.
    #[serde(skip_serializing_if = "is_zero")]
    pub hourly: u32,
    /// How many days.
    #[serde(skip_serializing_if = "is_zero")]
    pub daily: u32,
    /// How many weeks.
    #[serde(skip_serializing_if = "is_zero")]
    pub weekly: u32,
    /// How many months.
    #[serde(skip_serializing_if = "is_zero")]
    pub monthly: u32,
    /// How many years.
    #[serde(skip_serializing_if = "is_zero")]
    pub yearly: u32,
    /// What is older goes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seconds")]
    pub max_age: Option<Duration>,
    /// The oldest go while all together are larger, in bytes as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// So many of the newest good ones stay whatever `max_age` and `max_size` say.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_backups: u32,
    /// What is older goes, even where `keep_all` or `min_backups` would keep it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seconds")]
    pub hard_limit: Option<Duration>,
}

impl Policy {
    /// Keeps everything.
    pub const KEEP_ALL: Policy = Policy {
        keep_all: true,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
        max_age: None,
        max_size: None,
        min_backups: 0,
        hard_limit: None,
    };

    /// The counts that are set, the shortest period first.
    pub fn counts(&self) -> impl Iterator<Item = (Period, u32)> + use<> {
        let counts = [self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        Period::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    /// Tells whether it can remove anything at all.
    pub fn removes(&self) -> bool {
        self.hard_limit.is_some() || !self.keep_all
    }

    /// Refuses with `Configuration` what cannot be meant: nothing at all, `keep_all` beside counts or limits, a limit of nothing.
    pub fn check(&self) -> Result<()> {
        let refuse =
            |message: &str, hint: &str| Err(Error::new(ErrorKind::Configuration, message).hint(hint));
        let says_what_to_keep =
            self.counts().next().is_some() || self.max_age.is_some() || self.max_size.is_some();
        if self.keep_all && (says_what_to_keep || self.min_backups > 0) {
            return refuse(
                "`keep_all` keeps everything, and the policy says more",
                "leave `keep_all` out, or all else but `hard_limit`",
            );
        }
        if !self.keep_all && !says_what_to_keep && self.hard_limit.is_none() {
            return refuse(
                "the policy does not say what stays",
                "give counts (`daily: 7, weekly: 4`), `max_age`, `max_size`, or `keep_all: true`",
            );
        }
        if self.max_age.is_some_and(|age| age.is_zero()) || self.hard_limit.is_some_and(|age| age.is_zero()) {
            return refuse("an age of nothing would keep nothing", "give a longer one, such as 30d");
        }
        if self.max_size == Some(0) {
            return refuse("a size of nothing would keep nothing", "give a larger one, such as 100GB");
        }
        Ok(())
    }
}

/// In words: `7 daily, 4 weekly, none older than 90d`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.counts().map(|(period, count)| format!("{count} {}", period.adjective())).collect();
        if parts.is_empty() {
            parts.push("all".to_owned());
        }
        if let Some(age) = self.max_age {
            parts.push(format!("none older than {}", Age(age)));
        }
        if let Some(size) = self.max_size {
            parts.push(format!("at most {}", format_bytes(size)));
        }
        if self.min_backups > 0 {
            parts.push(format!("at least {}", self.min_backups));
        }
        if let Some(age) = self.hard_limit {
            parts.push(format!("nothing beyond {}", Age(age)));
        }
        f.write_str(&parts.join(", "))
    }
}

/// A length of time as a person writes it: `90d`, `36h`.
pub(crate) struct Age(pub(crate) Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
        let fits = |unit: u64| seconds >= unit && seconds.is_multiple_of(unit);
        let found = units.into_iter().find(|(unit, _)| fits(*unit));
        match found {
            Some((unit, letter)) => write!(f, "{}{letter}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn as_seconds<S: serde::Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}
