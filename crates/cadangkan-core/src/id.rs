use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorKind, Result};

/// Names one backup of a database: the UTC second at which it began, `2026-01-15-143022`.
///
/// Two backups of one database in the same second get `-2`, `-3` … Unique per database, ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId {
    second: DateTime,
    ordinal: u32,
}

impl BackupId {
    /// Makes the id for a backup that begins at `time`.
    pub fn new(time: Timestamp) -> Self {
        let second = time.to_zoned(TimeZone::UTC).datetime();
        BackupId { second: second.with().subsec_nanosecond(0).build().unwrap_or(second), ordinal: 1 }
    }

    /// Returns the id to try when this one is taken.
    #[must_use]
    pub fn next(self) -> Self {
        BackupId { ordinal: self.ordinal.saturating_add(1), ..self }
    }

    /// Tells whether both backups began in the same second.
    pub fn is_of_second(&self, other: BackupId) -> bool {
        self.second == other.second
    }

    /// The second in UTC as it stands in file names: `20260115_143022`.
    pub fn file_timestamp(&self) -> String {
        self.second.strftime("%Y%m%d_%H%M%S").to_string()
    }

    /// The year, four digits, and the month, two, for folders.
    pub fn year_month(&self) -> (String, String) {
        (self.second.strftime("%Y").to_string(), self.second.strftime("%m").to_string())
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.second.strftime("%Y-%m-%d-%H%M%S"))?;
        if self.ordinal > 1 { write!(f, "-{}", self.ordinal) } else { Ok(()) }
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let second = text.get(..17)?;
            let ordinal = match text.get(17..)? {
                "" => 1,
                rest => rest.strip_prefix('-')?.parse().ok().filter(|ordinal| *ordinal > 1)?,
            };
            let id = BackupId { second: DateTime::strptime("%Y-%m-%d-%H%M%S", second).ok()?, ordinal };
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| {
            Error::new(ErrorKind::Usage, "not a backup id")
                .context("text", text.escape_debug())
                .hint("a backup id looks like 2026-01-15-143022; `cadangkan backups list <db>` shows them")
        })
    }
}

impl Serialize for BackupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BackupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Names one run in the catalog; given by the catalog in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_the_second_in_utc() {
        let id = BackupId::new("2026-01-15T15:30:22.75+01:00".parse().unwrap());
        assert_eq!(id.to_string(), "2026-01-15-143022");
        assert_eq!(id.next().to_string(), "2026-01-15-143022-2");
        assert_eq!(id.file_timestamp(), "20260115_143022");
        assert_eq!(id.year_month(), ("2026".into(), "01".into()));
        assert!(id < id.next());
        assert_eq!(id.next().to_string().parse::<BackupId>().unwrap(), id.next());
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for bad in [
            "",
            "latest",
            "2026-01-15",
            "2026-01-15-143022-1",
            "2026-01-15-143022-02",
            "2026-13-15-143022",
            "2026-01-15-143022-",
            "2026-01-15-14302ü",
            " 2026-01-15-143022",
        ] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
    }
}
