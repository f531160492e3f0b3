use std::fmt;
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Selection};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Checksum, CodecKind, Wrap};

/// The archive, as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveInfo {
    /// The name of its file, beside the manifest.
    pub file: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its length for people: `234 MB`.
    pub size_human: String,
    /// Its length before compression.
    pub raw_bytes: u64,
    /// Number of frames.
    pub frames: u64,
    /// How frames are compressed.
    pub codec: CodecKind,
    /// The codec's level.
    pub level: i32,
    /// How the uncompressed bytes are laid out: `image` or `statements`.
    pub layout: String,
    /// SHA-256 of its bytes as stored.
    pub checksum: Checksum,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The index, as the manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// The name of its file, beside the manifest.
    pub file: String,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of its bytes as stored.
    pub checksum: Checksum,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One of the databases in an archive that holds several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabasePart {
    /// Its name; the objects of the backup that carry it are its own.
    pub name: String,
    /// Number of its tables.
    pub tables_count: u64,
    /// Bytes of its frames before compression.
    pub raw_bytes: u64,
    /// Bytes of its frames as stored.
    pub stored_bytes: u64,
    /// Which of its objects were asked for.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    pub selection: Selection,
    /// What a restore must know and the archive does not say.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A working folder of git, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The hash of the commit, SHA-1 or SHA-256.
    pub commit: String,
    /// The branch; none where no branch was checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// A file beside the archive that is part of the backup, as the manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFileInfo {
    /// What it is: `users`.
    pub kind: String,
    /// The name of its file, beside the manifest.
    pub file: String,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of its bytes as stored.
    pub checksum: Checksum,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How an archive is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionInfo {
    /// The cipher's word; [`EncryptionInfo::NONE`] when there is none.
    pub cipher: String,
    /// Length of the archive before encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_bytes: Option<u64>,
    /// The data key, wrapped for each who may open the backup: these count, newer than those in the files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Wrap>,
    /// Rounds of PBKDF2 that OpenSSL has to be told, where files are in its form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u32>,
    /// What the manifest keeps to itself, encrypted, as base64; see [`Manifest::hide`](crate::Manifest::hide).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl EncryptionInfo {
    /// The word for an archive that is not encrypted.
    pub const NONE: &str = "none";

    /// Describes an archive that is not encrypted.
    pub fn none() -> Self {
        EncryptionInfo {
            cipher: EncryptionInfo::NONE.into(),
            plain_bytes: None,
            keys: Vec::new(),
            iterations: None,
            hidden: None,
            other: Map::new(),
        }
    }

    /// Tells whether the archive is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.cipher != EncryptionInfo::NONE
    }
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What a backup holds, compared with others before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupType {
    /// Everything that was selected.
    #[default]
    Full,
    /// What changed since the backup before it.
    Incremental,
    /// What changed since the last full one.
    Differential,
}

impl BackupType {
    /// The word in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            BackupType::Full => "full",
            BackupType::Incremental => "incremental",
            BackupType::Differential => "differential",
        }
    }
}

impl fmt::Display for BackupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! triggers {
    ($($(#[$doc:meta])* $trigger:ident = $word:literal;)*) => {
        /// What caused a backup; words that a newer program wrote are kept as they are.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Trigger {
            $($(#[$doc])* $trigger,)*
            /// A word of a newer program.
            Other(String),
        }

        impl Trigger {
            /// The triggers that this program knows.
            pub const ALL: &[Trigger] = &[$(Trigger::$trigger,)*];

            /// The word in manifests, file names and lists.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Trigger::$trigger => $word,)*
                    Trigger::Other(word) => word,
                }
            }
        }
    };
}

triggers! {
    /// A person.
    #[default]
    Manual = "manual";
    /// A schedule, each hour.
    Hourly = "hourly";
    /// A schedule, each day.
    Daily = "daily";
    /// A schedule, each week.
    Weekly = "weekly";
    /// A schedule, each month.
    Monthly = "monthly";
    /// A schedule, each year.
    Yearly = "yearly";
    /// A guard around somebody's own command, such as a migration.
    Guard = "guard";
    /// A restore, before it replaces what is there.
    Safety = "safety";
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Takes only the words that this program knows: it is for what a person types.
impl FromStr for Trigger {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Trigger::ALL.iter().find(|trigger| trigger.as_str() == text).cloned().ok_or_else(|| {
            let words: Vec<&str> = Trigger::ALL.iter().map(Trigger::as_str).collect();
            Error::new(ErrorKind::Usage, format!("\"{}\" is not a trigger", text.escape_debug()))
                .hint(format!("use one of {}", words.join(", ")))
        })
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(word.parse().unwrap_or(Trigger::Other(word)))
    }
}

/// Short fractions are read back as they were written.
pub(super) fn milliseconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}
