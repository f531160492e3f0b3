//! The rule by which the server moves archives. All rules of a bucket are one list: those of others are put back as they
//! came. Rules have no names here, so ours is known by what it says.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::encoding::encode;
use cadangkan_storage::{Lifecycle, LifecycleRule};
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::request::Request;

/// The condition that only archives fulfil: they alone have a time of ours.
const DAYS: &str = "daysSinceCustomTime";
/// Of folders.
const PREFIXES: &str = "matchesPrefix";

/// Where a rule moves archives, and when.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) class: String,
    pub(crate) days: u32,
}

/// The rules of a bucket, as far as they concern a folder in it.
pub(crate) struct Rules<'a> {
    pub(crate) client: &'a Client,
    /// What the names of the folder begin with.
    pub(crate) begin: String,
    pub(crate) moving: Option<&'a Moving>,
}

impl Lifecycle for Rules<'_> {
    fn wanted(&self) -> Vec<LifecycleRule> {
        self.ours().iter().map(|rule| self.told((0, rule))).collect()
    }

    fn found(&self) -> Result<Vec<LifecycleRule>> {
        let (rules, _) = self.read()?;
        let concerns = rules.iter().enumerate().filter(|(_, rule)| self.concerns(rule));
        let mut told: Vec<_> = concerns.map(|found| self.told(found)).collect();
        told.sort_by_key(|rule| !rule.ours);
        Ok(told)
    }

    fn set(&self) -> Result<()> {
        self.replace(self.ours())
    }

    fn clear(&self) -> Result<()> {
        self.replace(None)
    }
}

impl Rules<'_> {
    fn ours(&self) -> Option<Value> {
        let Moving { class, days } = self.moving?;
        let mut condition = json!({ DAYS: days });
        if let (false, Some(condition)) = (self.begin.is_empty(), condition.as_object_mut()) {
            condition.insert(PREFIXES.into(), json!([self.begin]));
        }
        Some(json!({"action": {"type": "SetStorageClass", "storageClass": class}, "condition": condition}))
    }

    /// Whether a rule is the one that was set for this folder, whatever its class and days.
    fn is_ours(&self, rule: &Value) -> bool {
        let Some(condition) = rule.pointer("/condition").and_then(Value::as_object) else { return false };
        let folder = match self.begin.as_str() {
            "" => None,
            begin => Some(json!([begin])),
        };
        rule.pointer("/action/type").and_then(Value::as_str) == Some("SetStorageClass")
            && condition.get(DAYS).is_some_and(Value::is_u64)
            && condition.get(PREFIXES) == folder.as_ref()
            && condition.keys().all(|key| key == DAYS || key == PREFIXES)
    }

    /// Whether it may concern names that begin as those of the folder do.
    fn concerns(&self, rule: &Value) -> bool {
        let Some(prefixes) = rule.pointer("/condition/matchesPrefix").and_then(Value::as_array) else {
            return true;
        };
        let meet = |prefix: &str| prefix.starts_with(&self.begin) || self.begin.starts_with(prefix);
        prefixes.iter().filter_map(Value::as_str).any(meet)
    }

    fn told(&self, (at, rule): (usize, &Value)) -> LifecycleRule {
        let ours = self.is_ours(rule);
        let id = match ours {
            true => format!("cadangkan archives in /{}", self.begin),
            false => format!("rule {}", at.saturating_add(1)),
        };
        let removes = rule.pointer("/action/type").and_then(Value::as_str) == Some("Delete");
        LifecycleRule { id, ours, does: describe(rule), removes }
    }

    /// The bucket's rules, and the version of what the bucket says of itself.
    fn read(&self) -> Result<(Vec<Value>, String)> {
        let request =
            self.request(Method::GET, "storage.buckets.get").query("fields", "lifecycle,metageneration");
        let answer = self.client.send(&request)?;
        let bucket: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| self.unclear("the bucket's rules cannot be understood").source(error))?;
        let rules = bucket.pointer("/lifecycle/rule").and_then(Value::as_array).cloned().unwrap_or_default();
        let version = bucket.get("metageneration").and_then(Value::as_str).unwrap_or_default();
        Ok((rules, version.to_owned()))
    }

    /// Puts this in the place of our rule. Whoever changes the bucket at the same moment makes it fail.
    fn replace(&self, ours: Option<Value>) -> Result<()> {
        let (before, version) = self.read()?;
        let all: Vec<_> = before.into_iter().filter(|rule| !self.is_ours(rule)).chain(ours).collect();
        let body = json!({"lifecycle": {"rule": all}}).to_string();
        let mut request = self
            .request(Method::PATCH, "storage.buckets.update")
            .header("content-type", "application/json")
            .body(body.as_bytes());
        if !version.is_empty() {
            request = request.query("ifMetagenerationMatch", &version);
        }
        match self.client.send(&request) {
            Err(failure) if failure.status == 412 => {
                return Err(Error::new(ErrorKind::Conflict, "somebody else has just changed the bucket")
                    .context("bucket", &self.client.bucket)
                    .hint("look at its rules, and try again"));
            }
            sent => sent?,
        };
        let (after, _) = self.read()?;
        let ours = |rules: &[Value]| rules.iter().filter(|rule| self.is_ours(rule)).count();
        if (after.len(), ours(&after)) == (all.len(), ours(&all)) {
            return Ok(());
        }
        Err(self.unclear("the server keeps other rules than it was sent"))
    }

    fn request(&self, method: Method, permission: &'static str) -> Request<'_> {
        Request::to(method, format!("/storage/v1/b/{}", encode(&self.client.bucket)), "", permission)
    }

    fn unclear(&self, message: &str) -> Error {
        Error::new(ErrorKind::Io, message)
            .context("bucket", &self.client.bucket)
            .hint("look at the rules with the provider's own tools")
    }
}

/// What a rule does, and when.
fn describe(rule: &Value) -> String {
    let text = |path: &str| rule.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut does = match text("/action/type").as_str() {
        "SetStorageClass" => format!("moves objects to {}", text("/action/storageClass")),
        "Delete" => "removes objects".to_owned(),
        "AbortIncompleteMultipartUpload" => "removes unfinished uploads".to_owned(),
        _ => "does something else".to_owned(),
    };
    let conditions = rule.get("condition").and_then(Value::as_object).into_iter().flatten();
    let mut others = Vec::new();
    for (name, value) in conditions.filter(|(name, _)| *name != PREFIXES) {
        match name.as_str() {
            "age" => does.push_str(&format!(" after {value} days")),
            DAYS => does.push_str(&format!(" {value} days after the time of a backup")),
            _ => others.push(format!("{name}={value}")),
        }
    }
    if !others.is_empty() {
        does.push_str(&format!(", where {}", others.join(" and ")));
    }
    does
}
