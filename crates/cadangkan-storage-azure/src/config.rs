//! The settings of a container.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use cadangkan_core::{Clock, Timestamp};
use cadangkan_storage::http::{Line, is_loopback};
use cadangkan_storage::{Backoff, Key, Storage, StorageDescriptor, read_place};
use serde_json::Value;

use crate::client::Client;
use crate::credentials::Credentials;
use crate::storage::{Container, Options};

const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, default: None, help }
}

const fn field_or(name: &'static str, kind: FieldKind, default: &'static str, help: &'static str) -> Field {
    Field { default: Some(default), ..field(name, kind, help) }
}

/// Backups in a container of Azure Blob Storage.
pub static AZURE: StorageDescriptor = StorageDescriptor {
    id: "azure",
    display_name: "Azure Blob Storage",
    fields: &[
        Field { required: true, ..field("account", FieldKind::Text, "The storage account") },
        Field { required: true, ..field("container", FieldKind::Text, "The container; it must exist") },
        field(
            "prefix",
            FieldKind::Text,
            "The folder in the container that keeps the backups; default the whole container",
        ),
        field_or(
            "endpoint",
            FieldKind::Text,
            "https://<account>.blob.core.windows.net",
            "The server, with the account's path where it has one",
        ),
        field("account_key", FieldKind::Secret, "A key of the account; default where Azure's tools look"),
        field("sas_token", FieldKind::Secret, "A shared access signature, in place of a key"),
        field(
            "access_tier",
            FieldKind::Text,
            "The tier of objects: Hot, Cool or Cold; default the account's",
        ),
        field_or(
            "tags",
            FieldKind::Boolean,
            "false",
            "Whether objects are tagged with database, type and time",
        ),
        field_or(
            "part_size_mib",
            FieldKind::Integer,
            "8, or what the size needs",
            "Size of a block of an upload, in MiB",
        ),
        field_or("connections", FieldKind::Integer, "4", "Blocks that are sent or read at once, 1 to 32"),
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
    parse_url,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    account: String,
    container: String,
    prefix: Option<String>,
    endpoint: Option<String>,
    account_key: Option<String>,
    sas_token: Option<String>,
    access_tier: Option<String>,
    #[serde(default)]
    tags: bool,
    part_size_mib: Option<u32>,
    connections: Option<u8>,
    timeout: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    Ok(Box::new(Container::open(settings, Arc::new(SystemClock), Backoff::PATIENT)?))
}

impl Container {
    /// Makes a storage from settings, without connecting; what fails is tried again as `backoff` says.
    pub fn open(settings: &Value, clock: Arc<dyn Clock>, backoff: Backoff) -> Result<Self, SettingsError> {
        let settings: Settings = settings::parse(settings)?;
        let named = |name: &str, others: &str| {
            !name.is_empty()
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
        };
        if !named(&settings.account, "-") {
            return Err(mistake("account", "the name of a storage account has letters and digits only"));
        }
        if !named(&settings.container, "-$") {
            let message = "the name of a container has letters, digits and - only; folders are `prefix`";
            return Err(mistake("container", message));
        }
        let options = settings.options()?;
        let credentials = settings.credentials()?;
        let stall = settings::time_limit("timeout", settings.timeout.as_deref())?;
        let (endpoint, base) = settings.place()?;
        let stall = stall.unwrap_or(Duration::from_secs(60));
        let client = Client {
            line: Line::new(endpoint, settings.ca_file, stall, backoff),
            account: settings.account,
            container: settings.container,
            base,
            credentials,
            clock,
            ahead: Default::default(),
        };
        Ok(Container::new(client, options))
    }
}

impl Settings {
    fn credentials(&self) -> Result<Credentials, SettingsError> {
        match (&self.account_key, &self.sas_token) {
            (Some(key), None) => Ok(Credentials::key(key)),
            (None, Some(signature)) => Ok(Credentials::signature(signature)),
            (None, None) => Ok(Credentials::Found(OnceLock::new())),
            _ => Err(mistake("sas_token", "there are `account_key` and `sas_token`; keep one of them")),
        }
    }

    fn options(&self) -> Result<Options, SettingsError> {
        let prefix = self.prefix.as_deref().unwrap_or_default().trim_matches('/').to_owned();
        if !prefix.is_empty() && Key::new(prefix.as_str()).is_err() {
            return Err(mistake("prefix", "a folder has no empty part, and none that begins with a dot"));
        }
        let part_size = self.part_size_mib.map(|mib| (mib as usize).saturating_mul(1 << 20));
        if self.part_size_mib.is_some_and(|mib| !(1..=4000).contains(&mib)) {
            return Err(mistake("part_size_mib", "a block has 1 to 4000 MiB"));
        }
        let connections = usize::from(self.connections.unwrap_or(4));
        if !(1..=32).contains(&connections) {
            return Err(mistake("connections", "a number from 1 to 32 is needed"));
        }
        if let Some(tier) = &self.access_tier
            && !["Hot", "Cool", "Cold"].contains(&tier.as_str())
        {
            let message = "Hot, Cool or Cold is needed: a backup is read back once it is written, which Archive does not \
                allow; let a rule of the account move objects there later";
            return Err(mistake("access_tier", message));
        }
        Ok(Options { prefix, part_size, connections, tier: self.access_tier.clone(), tags: self.tags })
    }

    /// The scheme and host, and what stands before the container in a path.
    fn place(&self) -> Result<(String, String), SettingsError> {
        let usual = || format!("https://{}.blob.core.windows.net", self.account);
        let endpoint = self.endpoint.clone().unwrap_or_else(usual);
        let wrong = || mistake("endpoint", "an address such as https://host:10000/account is needed");
        let (scheme, rest) = endpoint.trim_end_matches('/').split_once("://").ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let known = matches!(scheme, "https" | "http") && host.parse::<http::uri::Authority>().is_ok();
        let plain = path.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if !known || !plain || host.is_empty() || host.contains('@') {
            return Err(wrong());
        }
        if scheme == "http" && !self.allow_http && !is_loopback(host) {
            let message = "without TLS anybody in between reads and changes what is sent: use https://, or consent with \
                `allow_http: true`";
            return Err(mistake("endpoint", message));
        }
        let base = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok((format!("{scheme}://{host}"), base))
    }
}

/// Reads `azure://account/container/folder?access_tier=…`; settings that are no secrets may stand behind the question mark.
fn parse_url(url: &str) -> Option<Result<Value, SettingsError>> {
    Some(read_url(url.strip_prefix("azure://")?))
}

fn read_url(rest: &str) -> Result<Value, SettingsError> {
    let wrong = || mistake("container", "a URL such as azure://account/container/folder is needed");
    let (account, rest) = rest.split_once('/').ok_or_else(wrong)?;
    if account.is_empty() || account.contains(['@', ':', '?']) {
        return Err(wrong());
    }
    let mut settings = read_place(rest, ["container", "prefix"], AZURE.fields)?;
    settings.insert("account".into(), account.into());
    Ok(Value::Object(settings))
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "servers refuse what is not signed with the time of day")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
