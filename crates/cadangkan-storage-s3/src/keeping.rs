//! How the server keeps what it gets: encryption, class, locks and tags, all as headers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::settings::{SettingsError, mistake};
use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::encoding::encode;
use md5::{Digest as _, Md5};

use crate::lifecycle::ARCHIVE_TAG;

/// Classes that cannot be read at once, so that a backup could not be proved.
const ARCHIVES: &[&str] = &["GLACIER", "DEEP_ARCHIVE"];
/// Tags that an object may have. Source: Amazon S3 User Guide, "object tagging".
const MOST_TAGS: usize = 10;

const LOCK_MODE: &str = "x-amz-object-lock-mode";
const LEGAL_HOLD: &str = "x-amz-object-lock-legal-hold";

/// The settings of how objects are kept.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Settings {
    sse: Option<Encryption>,
    sse_kms_key: Option<String>,
    sse_customer_key: Option<String>,
    storage_class: Option<String>,
    move_to: Option<String>,
    move_after_days: Option<u32>,
    lock_mode: Option<LockMode>,
    lock_days: Option<u16>,
    #[serde(default)]
    legal_hold: bool,
    #[serde(default)]
    tags: bool,
    #[serde(default)]
    delete_versions: bool,
}

/// Whose key encrypts an object on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encryption {
    /// The storage's own.
    S3,
    /// One of its key service.
    Kms,
    /// Ours, which goes along with each request and is not kept.
    Customer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum LockMode {
    /// May be lifted by who is allowed to.
    Governance,
    /// Is lifted by nobody.
    Compliance,
}

/// Where a rule moves archives, and when.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) class: String,
    pub(crate) days: u32,
}

/// What requests carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeping {
    /// Of those that make an object.
    make: Vec<(String, String)>,
    /// Of all that touch its bytes.
    pub(crate) touch: Vec<(String, String)>,
    wrong_key: bool,
    lock: Option<(&'static str, u16)>,
    tags: bool,
    pub(crate) moving: Option<Moving>,
    pub(crate) delete_versions: bool,
}

impl Settings {
    pub(crate) fn keeping(self) -> Result<Keeping, SettingsError> {
        let mut keeping =
            Keeping { tags: self.tags, delete_versions: self.delete_versions, ..Keeping::default() };
        let encryption = "x-amz-server-side-encryption";
        match (self.sse, self.sse_kms_key, self.sse_customer_key) {
            (None, None, None) => {}
            (Some(Encryption::S3), None, None) => keeping.make(encryption, "AES256"),
            (Some(Encryption::Kms), key, None) => {
                keeping.make(encryption, "aws:kms");
                if let Some(key) = key {
                    keeping.make("x-amz-server-side-encryption-aws-kms-key-id", &key);
                }
            }
            // Settings are also looked at before their secrets are fetched, so a wrong key is told later.
            (Some(Encryption::Customer), None, Some(key)) => match customer(&key) {
                Some(headers) => keeping.touch = headers,
                None => keeping.wrong_key = true,
            },
            (Some(Encryption::Customer), None, None) => {
                return Err(mistake("sse", "`sse: customer` needs `sse_customer_key`"));
            }
            (_, Some(_), _) => return Err(mistake("sse_kms_key", "`sse_kms_key` needs `sse: kms`")),
            (_, _, Some(_)) => {
                return Err(mistake("sse_customer_key", "`sse_customer_key` needs `sse: customer`"));
            }
        }
        if let Some(class) = self.storage_class {
            if ARCHIVES.contains(&class.as_str()) {
                let message = "a backup is read back once it is written, which this class does not allow: let a \
                    lifecycle rule of the bucket move objects there later";
                return Err(mistake("storage_class", message));
            }
            keeping.make("x-amz-storage-class", &class);
        }
        keeping.moving = match (self.move_to, self.move_after_days) {
            (None, None) => None,
            (Some(class), Some(days @ 1..)) => Some(Moving { class, days }),
            _ => return Err(mistake("move_to", "moving needs `move_to` and `move_after_days`, 1 or more")),
        };
        keeping.lock = match (self.lock_mode, self.lock_days) {
            (None, None) => None,
            (Some(LockMode::Governance), Some(days @ 1..)) => Some(("GOVERNANCE", days)),
            (Some(LockMode::Compliance), Some(days @ 1..)) => Some(("COMPLIANCE", days)),
            _ => return Err(mistake("lock_days", "a lock needs `lock_mode` and `lock_days`, 1 or more")),
        };
        if self.legal_hold {
            keeping.make(LEGAL_HOLD, "ON");
        }
        Ok(keeping)
    }
}

impl Keeping {
    fn make(&mut self, name: &str, value: &str) {
        self.make.push((name.to_owned(), value.to_owned()));
    }

    /// For how long an object cannot be deleted: for ever where it is held by law.
    pub(crate) fn locked_for(&self) -> Option<Duration> {
        if self.make.iter().any(|(name, _)| name == LEGAL_HOLD) {
            return Some(Duration::MAX);
        }
        self.lock.map(|(_, days)| Duration::from_secs(u64::from(days) * 86_400))
    }

    /// The headers of a request that makes an object now.
    pub(crate) fn headers(&self, now: Timestamp, tags: &[(&'static str, String)]) -> Vec<(String, String)> {
        let mut headers: Vec<_> = self.make.iter().chain(&self.touch).cloned().collect();
        if let Some((mode, days)) = self.lock {
            headers.push((LOCK_MODE.into(), mode.into()));
            headers.push(("x-amz-object-lock-retain-until-date".into(), end_of(days, now)));
        }
        let pair = |(name, value): &(&str, String)| format!("{}={}", encode(name), encode(&allowed(value)));
        let pairs: Vec<_> = self.wanted(tags).map(pair).collect();
        if !pairs.is_empty() {
            headers.push(("x-amz-tagging".into(), pairs.join("&")));
        }
        headers
    }

    /// What a server has left out that was asked for, as the sub-resource, its XML and the permission to set it: some
    /// do not read these headers where an object is made of parts.
    pub(crate) fn left_out(
        &self,
        header: impl Fn(&str) -> Option<String>,
        now: Timestamp,
        tags: &[(&'static str, String)],
    ) -> Vec<(&'static str, String, &'static str)> {
        let mut left_out = Vec::new();
        if let Some((mode, days)) = self.lock.filter(|_| header(LOCK_MODE).is_none()) {
            let until = end_of(days, now);
            let body = format!(
                "<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
            );
            left_out.push(("retention", body, "s3:PutObjectRetention"));
        }
        let held = self.make.iter().any(|(name, _)| name == LEGAL_HOLD);
        if held && header(LEGAL_HOLD).as_deref() != Some("ON") {
            let body = "<LegalHold><Status>ON</Status></LegalHold>".to_owned();
            left_out.push(("legal-hold", body, "s3:PutObjectLegalHold"));
        }
        let count = header("x-amz-tagging-count").and_then(|text| text.parse::<usize>().ok());
        let wanted = self.wanted(tags).count();
        if wanted > 0 && count != Some(wanted) {
            let tag = |(name, value): &(&str, String)| {
                format!("<Tag><Key>{name}</Key><Value>{}</Value></Tag>", allowed(value))
            };
            let tags: String = self.wanted(tags).map(tag).collect();
            let body = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
            left_out.push(("tagging", body, "s3:PutObjectTagging"));
        }
        left_out
    }

    /// The tags that an object gets: all, or only the one by which a rule finds it.
    fn wanted<'a>(
        &'a self,
        tags: &'a [(&'static str, String)],
    ) -> impl Iterator<Item = &'a (&'static str, String)> {
        let finds =
            |(name, _): &&(&str, String)| self.tags || self.moving.is_some() && *name == ARCHIVE_TAG.0;
        tags.iter().filter(finds).take(MOST_TAGS)
    }

    /// The headers of an object that is removed at once: all but locks.
    pub(crate) fn probe(&self) -> Vec<(String, String)> {
        let made = self.make.iter().filter(|(name, _)| !name.contains("object-lock"));
        made.chain(&self.touch).cloned().collect()
    }

    /// Fails when our own key is none.
    pub(crate) fn usable(&self) -> Result<()> {
        if !self.wrong_key {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Configuration, "`sse_customer_key` is no key")
            .hint("give 32 bytes in Base64, as `openssl rand -base64 32` makes them"))
    }

    /// Whether a body needs its MD5: servers want it where an object is locked.
    pub(crate) fn needs_md5(&self) -> bool {
        self.lock.is_some() || self.make.iter().any(|(name, _)| name.contains("object-lock"))
    }
}

/// When a lock of so many days ends.
fn end_of(days: u16, now: Timestamp) -> String {
    let end = Timestamp::from_second(now.as_second().saturating_add(i64::from(days) * 86_400));
    end.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A body's MD5 as a header has it.
pub(crate) fn md5(bytes: &[u8]) -> String {
    BASE64.encode(Md5::digest(bytes))
}

/// The headers of our own key; `None` when it is none.
fn customer(key: &str) -> Option<Vec<(String, String)>> {
    let bytes = BASE64.decode(key.trim()).ok().filter(|bytes| bytes.len() == 32)?;
    let header = |end: &str, value: String| (format!("x-amz-server-side-encryption-customer-{end}"), value);
    Some(vec![
        header("algorithm", "AES256".to_owned()),
        header("key", BASE64.encode(&bytes)),
        header("key-md5", md5(&bytes)),
    ])
}

/// Replaces what a tag may not have.
fn allowed(value: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || " +-=._:/@".contains(character);
    value.chars().take(256).map(|character| if plain(character) { character } else { '_' }).collect()
}
