use cadangkan_core::Timestamp;
use serde::{Deserialize, Serialize};

/// Makes the kinds of events, each with the word that the configuration and programs use.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* #[serde(rename = $word)] $kind,)* }

        impl EventKind {
            /// All of them.
            pub const ALL: &[EventKind] = &[$(EventKind::$kind,)*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(EventKind::$kind => $word,)* }
            }
        }
    };
}

kinds! {
    /// A run begins; of use only to those who measure how long it takes, and not told later.
    Started = "started",
    /// A backup is good.
    Success = "success",
    /// A run did not do what it should.
    Failure = "failure",
    /// A run did some of it.
    Partial = "partial",
    /// A run that was due did not begin.
    Missed = "missed",
    /// The first good backup after failures.
    Recovered = "recovered",
    /// A backup is whole, but holds less than the ones before.
    Suspect = "suspect",
    /// A storage is nearly full.
    LowSpace = "low_space",
    /// A backup was verified, and is whole.
    Verification = "verification",
    /// A run ended with its process, and nobody had stopped it.
    Interrupted = "interrupted",
    /// A backup was restored.
    Restore = "restore",
}

impl EventKind {
    /// What channels hear that are to be told when something is wrong, and when it is right again.
    pub const TROUBLE: &[EventKind] = &[
        EventKind::Failure,
        EventKind::Partial,
        EventKind::Missed,
        EventKind::Recovered,
        EventKind::Suspect,
        EventKind::LowSpace,
        EventKind::Interrupted,
    ];

    /// Tells whether somebody should look.
    pub fn is_trouble(self) -> bool {
        self != EventKind::Recovered && EventKind::TROUBLE.contains(&self)
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happened, with what is known of it. Kept as JSON until it is delivered, so that it holds no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The database that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What ran: `backup`, `restore`, `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Why it ran: `manual`, `daily`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// The storages that it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storages: Vec<String>,
    /// The backup that was made or used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// Its bytes in one storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// More in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often the backup has failed by now, one after the other.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u64,
    /// The machine.
    pub host: String,
    /// The version of the program.
    pub version: String,
}

/// What went wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The stable name of its kind.
    pub code: String,
    /// What happened, and why.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&cadangkan_core::Error> for Problem {
    fn from(error: &cadangkan_core::Error) -> Self {
        Problem {
            code: error.kind().code().to_owned(),
            message: bounded(&error.chain().join(": ")),
            hint: error.advice().map(bounded),
        }
    }
}

impl Event {
    /// Makes an event of which nothing more is known yet.
    pub fn new(kind: EventKind, at: Timestamp, host: &str, version: &str) -> Self {
        Event {
            kind,
            at,
            database: None,
            run: None,
            trigger: None,
            begun_at: None,
            storages: Vec::new(),
            backup_id: None,
            size_bytes: None,
            error: None,
            detail: None,
            failures: 0,
            host: host.to_owned(),
            version: version.to_owned(),
        }
    }

    /// How long the run took, in seconds.
    pub fn seconds(&self) -> Option<u64> {
        let taken = self.at.as_second().checked_sub(self.begun_at?.as_second())?;
        u64::try_from(taken).ok()
    }

    /// What it is about: the database, else the first storage, else the machine.
    pub fn subject(&self) -> &str {
        self.database.as_deref().or(self.storages.first().map(String::as_str)).unwrap_or(&self.host)
    }

    /// What happened, in one line without what it is about.
    pub fn headline(&self) -> String {
        let run = match self.run.as_deref() {
            Some("verify") => "Verification",
            Some("restore") => "Restore",
            Some("backup") | None => "Backup",
            Some(other) => other,
        };
        match self.kind {
            EventKind::Started => format!("{run} begins"),
            EventKind::Success => format!("{run} is good"),
            EventKind::Failure if self.failures > 1 => format!("{run} failed {} times", self.failures),
            EventKind::Failure => format!("{run} failed"),
            EventKind::Partial => format!("{run} is not complete"),
            EventKind::Missed => format!("{run} was missed"),
            EventKind::Recovered => format!("{run} works again"),
            EventKind::Suspect => format!("{run} looks wrong"),
            EventKind::LowSpace => "Storage is nearly full".to_owned(),
            EventKind::Verification => "Backup was verified".to_owned(),
            EventKind::Interrupted => format!("{run} was interrupted"),
            EventKind::Restore => "Backup was restored".to_owned(),
        }
    }
}

/// As much of a text as is kept.
fn bounded(text: &str) -> String {
    text.chars().take(4000).collect()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
