use std::fmt;

use cadangkan_core::Timestamp;
use serde::{Serialize, Serializer};

use crate::Period;
use crate::policy::Age;

/// Why a backup stays or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A person marked it.
    Preserved,
    /// It is the newest one that is good.
    NewestGood,
    /// It is the good one that was verified last.
    LastVerified,
    /// Whoever made it asked that it stays until then.
    HeldUntil(Timestamp),
    /// Its storage lets nobody delete it until then.
    LockedUntil(Timestamp),
    /// Its copy is damaged, or it looks wrong: whether anything stands for it cannot be told.
    Doubtful(&'static str),
    /// The policy keeps all.
    KeepAll,
    /// A count keeps it.
    Newest {
        /// What is counted.
        period: Period,
        /// Its period in words: `2026-01-15`.
        name: String,
        /// The how-manieth it is.
        ordinal: u32,
        /// How many are kept.
        of: u32,
    },
    /// There are no counts, and no limit removes it.
    WithinLimits,
    /// It is one of so many that always stay.
    Minimum(u32),
    /// No count keeps it.
    NotCounted,
    /// Whoever made it asked that it stays until then, which is past.
    HeldBefore(Timestamp),
    /// It is older than is kept.
    TooOld(std::time::Duration),
    /// With it all together are larger than may be.
    TooMuch(u64),
}

impl Reason {
    /// Tells whether it keeps a backup whatever a policy says.
    pub fn is_protection(&self) -> bool {
        matches!(
            self,
            Reason::Preserved
                | Reason::NewestGood
                | Reason::LastVerified
                | Reason::HeldUntil(_)
                | Reason::LockedUntil(_)
                | Reason::Doubtful(_)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Preserved => f.write_str("preserved"),
            Reason::NewestGood => f.write_str("the newest good one"),
            Reason::LastVerified => f.write_str("the last verified one"),
            Reason::HeldUntil(time) => {
                write!(f, "asked to stay until {}", time.strftime("%Y-%m-%d %H:%M UTC"))
            }
            Reason::LockedUntil(time) => match time.checked_add(jiff::SignedDuration::from_secs(1)) {
                Ok(_) => write!(f, "locked by its storage until {}", time.strftime("%Y-%m-%d %H:%M UTC")),
                Err(_) => f.write_str("locked by its storage"),
            },
            Reason::Doubtful(what) => write!(f, "{what}: only you delete it"),
            Reason::KeepAll => f.write_str("all are kept"),
            Reason::Newest { period, name, ordinal, of } => {
                write!(f, "{} {ordinal} of {of}: newest of {name}", period.adjective())
            }
            Reason::WithinLimits => f.write_str("within the limits"),
            Reason::Minimum(count) => write!(f, "one of the {count} that always stay"),
            Reason::NotCounted => f.write_str("no count keeps it"),
            Reason::HeldBefore(time) => {
                write!(f, "asked to stay until {}", time.strftime("%Y-%m-%d %H:%M UTC"))
            }
            Reason::TooOld(age) => write!(f, "older than {}", Age(*age)),
            Reason::TooMuch(size) => {
                write!(f, "with it there would be more than {}", cadangkan_core::format_bytes(*size))
            }
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
