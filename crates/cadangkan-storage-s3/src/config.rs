//! The settings of a bucket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use cadangkan_core::{Clock, Timestamp};
use cadangkan_storage::http::is_loopback;
use cadangkan_storage::{Backoff, Key, Storage, StorageDescriptor, read_place};
use serde_json::Value;

use crate::client::{Client, Target};
use crate::credentials::Credentials;
use crate::keeping::{self, Keeping};
use crate::presets::{Provider, Rules};
use crate::storage::{Bucket, Options};
use crate::thaw::{Thaw, Tier};

pub(crate) const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, default: None, help }
}

pub(crate) const fn field_or(
    name: &'static str,
    kind: FieldKind,
    default: &'static str,
    help: &'static str,
) -> Field {
    Field { name, kind, required: false, default: Some(default), help }
}

// What every bucket has, by whatever words.
pub(crate) const PREFIX: Field = field(
    "prefix",
    FieldKind::Text,
    "The folder in the bucket that keeps the backups; default the whole bucket",
);
pub(crate) const PART_SIZE_MIB: Field = field_or(
    "part_size_mib",
    FieldKind::Integer,
    "8, or what the size needs",
    "Size of a part of an upload, in MiB",
);
pub(crate) const CONNECTIONS: Field =
    field_or("connections", FieldKind::Integer, "4", "Parts that are sent or read at once, 1 to 32");
pub(crate) const TIMEOUT: Field =
    field_or("timeout", FieldKind::Duration, "60s", "Longest wait without any progress");
pub(crate) const CA_FILE: Field =
    field("ca_file", FieldKind::Path, "Certificates of the authorities of the server, in PEM");
pub(crate) const SSE_CUSTOMER_KEY: Field =
    field("sse_customer_key", FieldKind::Secret, "Our own key for the server, 32 bytes in Base64");
pub(crate) const LOCK_MODE: Field =
    field("lock_mode", FieldKind::Text, "Who may lift the lock of objects: governance or compliance");
pub(crate) const LOCK_DAYS: Field =
    field("lock_days", FieldKind::Integer, "Days for which objects are locked");
pub(crate) const LEGAL_HOLD: Field = field_or(
    "legal_hold",
    FieldKind::Boolean,
    "false",
    "Whether objects are locked until the hold is lifted",
);

/// Backups in a bucket of S3, or of what speaks its protocol.
pub static S3: StorageDescriptor = StorageDescriptor {
    id: "s3",
    display_name: "S3",
    fields: &[
        Field {
            name: "bucket",
            kind: FieldKind::Text,
            required: true,
            default: None,
            help: "The bucket; it must exist",
        },
        field_or(
            "provider",
            FieldKind::Text,
            "aws, or other with an endpoint",
            "Who offers it: aws, r2, b2, minio, wasabi, spaces or other; sets endpoint, addressing and part rules",
        ),
        field("region", FieldKind::Text, "The bucket's region; Amazon's is found when it is not given"),
        PREFIX,
        field("endpoint", FieldKind::Text, "The server, such as https://host:9000"),
        field("account", FieldKind::Text, "The account's id, for r2"),
        field("access_key", FieldKind::Text, "The access key's id; default where AWS's tools look"),
        field("secret_key", FieldKind::Secret, "The secret of the access key"),
        field("session_token", FieldKind::Secret, "The token of temporary keys"),
        field("aws_profile", FieldKind::Text, "A profile of ~/.aws/config and ~/.aws/credentials"),
        field(
            "path_style",
            FieldKind::Boolean,
            "Whether the bucket stands in the path; default as the provider needs",
        ),
        PART_SIZE_MIB,
        CONNECTIONS,
        TIMEOUT,
        CA_FILE,
        field_or(
            "allow_http",
            FieldKind::Boolean,
            "false",
            "Whether an endpoint without TLS on another machine is taken",
        ),
        field("sse", FieldKind::Text, "Whose key encrypts on the server: s3, kms or customer"),
        field("sse_kms_key", FieldKind::Text, "The key of the key service; default the bucket's"),
        SSE_CUSTOMER_KEY,
        field("storage_class", FieldKind::Text, "The class of objects, such as STANDARD_IA or GLACIER_IR"),
        field(
            "move_to",
            FieldKind::Text,
            "The class to which a rule of the bucket moves archives, such as GLACIER",
        ),
        field("move_after_days", FieldKind::Integer, "Days after which it moves them"),
        field(
            "thaw",
            FieldKind::Duration,
            "How long reading waits for an object that it brings back from an archive tier; default it fails",
        ),
        field_or(
            "thaw_tier",
            FieldKind::Text,
            "standard",
            "How fast objects are brought back: expedited, standard or bulk",
        ),
        LOCK_MODE,
        LOCK_DAYS,
        LEGAL_HOLD,
        field_or(
            "tags",
            FieldKind::Boolean,
            "false",
            "Whether objects are tagged with database, type and time",
        ),
        field_or(
            "delete_versions",
            FieldKind::Boolean,
            "false",
            "Whether deleting removes older versions too",
        ),
    ],
    open,
    parse_url,
};

#[derive(serde::Deserialize)]
struct Settings {
    bucket: String,
    provider: Option<Provider>,
    region: Option<String>,
    prefix: Option<String>,
    endpoint: Option<String>,
    account: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
    session_token: Option<String>,
    aws_profile: Option<String>,
    path_style: Option<bool>,
    part_size_mib: Option<u32>,
    connections: Option<u8>,
    timeout: Option<String>,
    thaw: Option<String>,
    #[serde(default)]
    thaw_tier: Tier,
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
        let known = |key: &&String| S3.fields.iter().any(|field| field.name == *key);
        let mut given = settings.as_object().into_iter().flat_map(serde_json::Map::keys);
        if let Some(key) = given.find(|key| !known(key)) {
            return Err(mistake(key, "a bucket has no such key"));
        }
        let keeping: keeping::Settings = settings::parse(settings)?;
        let settings: Settings = settings::parse(settings)?;
        if settings.bucket.is_empty() || settings.bucket.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(mistake(
                "bucket",
                "the name of a bucket has no slash and no space; folders are `prefix`",
            ));
        }
        let given = settings.endpoint.is_some();
        let provider = settings.provider.unwrap_or(if given { Provider::Other } else { Provider::Aws });
        let rules = provider.rules();
        let credentials = settings.credentials()?;
        let options = settings.options(rules, keeping.keeping()?)?;
        let target = settings.target(rules)?;
        Ok(Bucket::new(Client::new(target, credentials, clock, backoff), options))
    }
}

impl Settings {
    fn credentials(&self) -> Result<Credentials, SettingsError> {
        match (&self.access_key, &self.secret_key) {
            (Some(_), _) if self.aws_profile.is_some() => {
                Err(mistake("aws_profile", "there are `access_key` and `aws_profile`; keep one of them"))
            }
            (Some(id), Some(secret)) => {
                Ok(Credentials::given(id.clone(), secret.clone(), self.session_token.clone()))
            }
            (None, None) => Ok(Credentials::found(self.aws_profile.clone())),
            (Some(_), None) => Err(mistake("access_key", "`access_key` needs `secret_key`")),
            (None, Some(_)) => Err(mistake("secret_key", "`secret_key` needs `access_key`")),
        }
    }

    fn options(&self, rules: Rules, keeping: Keeping) -> Result<Options, SettingsError> {
        let prefix = self.prefix.as_deref().unwrap_or_default().trim_matches('/').to_owned();
        if !prefix.is_empty() && Key::new(prefix.as_str()).is_err() {
            return Err(mistake("prefix", "a folder has no empty part, and none that begins with a dot"));
        }
        let size = self.part_size_mib.map(|mib| (mib as usize).saturating_mul(1 << 20));
        if size.is_some_and(|size| !(5 << 20..=5 << 30).contains(&size)) {
            return Err(mistake("part_size_mib", "a part has 5 to 5120 MiB"));
        }
        let connections = usize::from(self.connections.unwrap_or(4));
        if !(1..=32).contains(&connections) {
            return Err(mistake("connections", "a number from 1 to 32 is needed"));
        }
        let wait = settings::time_limit("thaw", self.thaw.as_deref())?;
        let thaw = wait.map(|wait| Thaw { wait, tier: self.thaw_tier });
        Ok(Options { prefix, rules, part_size: size, connections, keeping, thaw })
    }

    fn target(self, rules: Rules) -> Result<Target, SettingsError> {
        let stall = settings::time_limit("timeout", self.timeout.as_deref())?;
        let region = match (self.region.as_deref(), rules.region) {
            (Some(region), _)
                if region.is_empty() || region.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') =>
            {
                return Err(mistake("region", "the name of a region is needed, such as eu-central-1"));
            }
            (None, "") if self.endpoint.is_none() => {
                return Err(mistake("region", "this provider needs `region`"));
            }
            (region, default) => region.unwrap_or(default).to_owned(),
        };
        let endpoint = match (self.endpoint, rules.endpoint, self.account) {
            (Some(endpoint), _, _) => endpoint,
            (None, "", _) => return Err(mistake("endpoint", "this provider needs `endpoint`")),
            (None, pattern, None) if pattern.contains("{account}") => {
                return Err(mistake("account", "this provider needs `account`, the account's id"));
            }
            (None, pattern, account) => {
                let host =
                    pattern.replace("{region}", &region).replace("{account}", &account.unwrap_or_default());
                format!("https://{host}")
            }
        };
        let (scheme, host) = split(&endpoint)?;
        if scheme == "http" && !self.allow_http && !is_loopback(host) {
            return Err(mistake(
                "endpoint",
                "without TLS anybody in between reads and changes what is sent: use https://, or consent with \
                 `allow_http: true`",
            ));
        }
        let found =
            self.region.is_none() && rules.endpoint.contains("{region}") && rules.region == "us-east-1";
        let by_pattern = host == rules.endpoint.replace("{region}", &region);
        Ok(Target {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            // A dot in the name would not fit the certificate.
            path_style: self.path_style.unwrap_or(rules.path_style || self.bucket.contains('.')),
            bucket: self.bucket,
            region,
            pattern: (found && by_pattern).then_some(rules.endpoint),
            authorities: self.ca_file,
            stall: stall.unwrap_or(Duration::from_secs(60)),
        })
    }
}

fn split(endpoint: &str) -> Result<(&str, &str), SettingsError> {
    let wrong = || mistake("endpoint", "an address such as https://host:9000 is needed, without a path");
    let (scheme, host) = endpoint.trim_end_matches('/').split_once("://").ok_or_else(wrong)?;
    let plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    let known = matches!(scheme, "https" | "http") && host.parse::<http::uri::Authority>().is_ok();
    if plain && known { Ok((scheme, host)) } else { Err(wrong()) }
}

/// Reads `s3://bucket/folder?region=…`; settings that are no secrets may stand behind the question mark.
fn parse_url(url: &str) -> Option<Result<Value, SettingsError>> {
    Some(read_place(url.strip_prefix("s3://")?, ["bucket", "prefix"], S3.fields).map(Value::Object))
}

/// The time of day.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "servers refuse what is not signed with the time of day")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
