//! The settings of a bucket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use cadangkan_core::{Clock, Timestamp};
use cadangkan_storage::http::{Line, is_loopback};
use cadangkan_storage::{Backoff, Key, Storage, StorageDescriptor, read_place};
use serde_json::Value;

use crate::client::Client;
use crate::credentials::Credentials;
use crate::lifecycle::Moving;
use crate::storage::{Bucket, Options};

/// Where Google Cloud Storage is.
pub(crate) const ENDPOINT: &str = "https://storage.googleapis.com";
/// Bytes of a piece, where nothing else is asked for; a multiple of 256 KiB, as all pieces must be.
const PIECE: u32 = 16;

const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, default: None, help }
}

const fn field_or(name: &'static str, kind: FieldKind, default: &'static str, help: &'static str) -> Field {
    Field { default: Some(default), ..field(name, kind, help) }
}

/// Backups in a bucket of Google Cloud Storage.
pub static GCS: StorageDescriptor = StorageDescriptor {
    id: "gcs",
    display_name: "Google Cloud Storage",
    fields: &[
        Field { required: true, ..field("bucket", FieldKind::Text, "The bucket; it must exist") },
        field(
            "prefix",
            FieldKind::Text,
            "The folder in the bucket that keeps the backups; default the whole bucket",
        ),
        field("project", FieldKind::Text, "The project that pays for requests; default the bucket's"),
        field(
            "credentials",
            FieldKind::Secret,
            "The content of a key file, best given as credentials_file; default where Google's tools look",
        ),
        field_or("endpoint", FieldKind::Text, ENDPOINT, "The server; without TLS no credentials are sent"),
        field(
            "storage_class",
            FieldKind::Text,
            "The class of objects, such as NEARLINE; default the bucket's",
        ),
        field(
            "move_to",
            FieldKind::Text,
            "The class to which a rule of the bucket moves archives, such as ARCHIVE",
        ),
        field("move_after_days", FieldKind::Integer, "Days after which it moves them"),
        field_or(
            "tags",
            FieldKind::Boolean,
            "false",
            "Whether objects have database, type and time in their metadata",
        ),
        field_or("part_size_mib", FieldKind::Integer, "16", "Size of a piece of an upload, in MiB"),
        field_or("timeout", FieldKind::Duration, "60s", "Longest wait without any progress"),
        field("ca_file", FieldKind::Path, "Certificates of the authorities of the server, in PEM"),
        field_or(
            "allow_http",
            FieldKind::Boolean,
            "false",
            "Whether an endpoint without TLS on another machine is taken",
        ),
    ],
    open,
    parse_url: |url| {
        Some(read_place(url.strip_prefix("gs://")?, ["bucket", "prefix"], GCS.fields).map(Value::Object))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    bucket: String,
    prefix: Option<String>,
    project: Option<String>,
    credentials: Option<String>,
    endpoint: Option<String>,
    storage_class: Option<String>,
    move_to: Option<String>,
    move_after_days: Option<u32>,
    #[serde(default)]
    tags: bool,
    part_size_mib: Option<u32>,
    timeout: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    Ok(Box::new(Bucket::open(settings, Arc::new(SystemClock), Backoff::PATIENT)?))
}

impl Bucket {
    /// Makes a storage from settings, without connecting; what fails is tried again as `backoff` says.
    pub fn open(settings: &Value, clock: Arc<dyn Clock>, backoff: Backoff) -> Result<Self, SettingsError> {
        let settings: Settings = settings::parse(settings)?;
        if settings.bucket.is_empty() || settings.bucket.contains(|c: char| c == '/' || c.is_whitespace()) {
            let message = "the name of a bucket has no slash and no space; folders are `prefix`";
            return Err(mistake("bucket", message));
        }
        let options = settings.options()?;
        let stall = settings::time_limit("timeout", settings.timeout.as_deref())?;
        let stall = stall.unwrap_or(Duration::from_secs(60));
        let endpoint = settings.endpoint()?;
        let tls = endpoint.starts_with("https:");
        let client = Client {
            line: Line::new(endpoint, settings.ca_file, stall, backoff),
            bucket: settings.bucket,
            project: settings.project,
            credentials: tls.then(|| Credentials::new(settings.credentials, clock)),
        };
        Ok(Bucket::new(client, options))
    }
}

impl Settings {
    fn options(&self) -> Result<Options, SettingsError> {
        let prefix = self.prefix.as_deref().unwrap_or_default().trim_matches('/').to_owned();
        if !prefix.is_empty() && Key::new(prefix.as_str()).is_err() {
            return Err(mistake("prefix", "a folder has no empty part, and none that begins with a dot"));
        }
        let mib = self.part_size_mib.unwrap_or(PIECE);
        if !(1..=1024).contains(&mib) {
            return Err(mistake("part_size_mib", "a piece has 1 to 1024 MiB"));
        }
        let piece = (mib as usize).saturating_mul(1 << 20);
        let moving = match (&self.move_to, self.move_after_days) {
            (None, None) => None,
            (Some(class), Some(days @ 1..)) => Some(Moving { class: class.clone(), days }),
            _ => return Err(mistake("move_to", "moving needs `move_to` and `move_after_days`, 1 or more")),
        };
        Ok(Options { prefix, piece, class: self.storage_class.clone(), moving, tags: self.tags })
    }

    fn endpoint(&self) -> Result<String, SettingsError> {
        let endpoint = self.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let wrong = || mistake("endpoint", "an address such as https://host:4443 is needed, without a path");
        let (scheme, host) = endpoint.split_once("://").ok_or_else(wrong)?;
        let known = matches!(scheme, "https" | "http") && host.parse::<http::uri::Authority>().is_ok();
        if !known || host.is_empty() || host.contains(['/', '@', '?', '#']) {
            return Err(wrong());
        }
        if scheme == "http" && !self.allow_http && !is_loopback(host) {
            let message = "without TLS anybody in between reads and changes what is sent: use https://, or consent with \
                `allow_http: true`";
            return Err(mistake("endpoint", message));
        }
        Ok(endpoint.to_owned())
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "services refuse a statement that is not of the time of day"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
