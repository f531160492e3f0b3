use std::time::Duration;

use cadangkan_core::settings::parse_duration;
use http::{HeaderName, HeaderValue, Uri};
use serde_json::{Map, Value};

use super::{Checker, keys};
use crate::config::mistake::Mistake;
use crate::config::node::{Content, Entry, Node};
use crate::hooks::{Action, Hook, HookSettings};

/// How long a command may take that says nothing about it.
const COMMAND: Duration = Duration::from_secs(300);
/// The same for an address.
const POST: Duration = Duration::from_secs(30);
/// The longest that may be set.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What a hook may look like.
const FORMS: &str = "write a line of the shell, a list of a program and its arguments, `{ run: …, timeout: 10m }` or `{ url: … }`";

impl Checker<'_> {
    /// Reads what is done before and after backups.
    pub(super) fn hooks(&mut self, node: &Node) -> Option<HookSettings> {
        let entry = node.entry(keys::HOOKS).filter(|entry| !entry.node.is_null())?;
        if self.in_catalog {
            // They may hold secrets, which the catalog keeps sealed only.
            let hint = "those under `defaults` count for this database too";
            let message = "hooks stand in the configuration file only";
            self.mistakes.push(Mistake::new(entry.position, message).hint(hint));
            return None;
        }
        if !self.expect_map(&entry.node, "`hooks`") {
            return None;
        }
        self.known_keys(&entry.node, HookSettings::KEYS, &[]);
        let mut list = |key: &str| {
            let entry = entry.node.entry(key).filter(|entry| !entry.node.is_null())?;
            let Content::List(items) = &entry.node.content else {
                let message = format!("`{key}` must be a list of hooks, not {}", entry.node.kind());
                self.mistake_at(&entry.node, message, Some("begin each hook with `- `".to_owned()));
                return None;
            };
            Some(items.iter().filter_map(|item| self.hook(item)).collect())
        };
        Some(HookSettings { before: list("before"), after: list("after"), on_failure: list("on_failure") })
    }

    fn hook(&mut self, node: &Node) -> Option<Hook> {
        let hook = |action, timeout| Some(Hook { action, timeout, written: written(node) });
        if !matches!(node.content, Content::Map(_)) {
            return hook(self.command(node)?, COMMAND);
        }
        let given = |key: &str| node.entry(key).filter(|entry| !entry.node.is_null());
        match (given("run"), given("url")) {
            (Some(run), None) => {
                self.known_keys(node, &["run", "timeout"], &[]);
                let (action, timeout) = (self.command(&run.node), self.timeout(node, COMMAND));
                hook(action?, timeout?)
            }
            (None, Some(url)) => {
                self.known_keys(node, &["url", "headers", "timeout"], &[]);
                let (url, headers) = (self.address("url", &url.node), self.headers(node));
                let timeout = self.timeout(node, POST);
                hook(Action::Post { url: url?, headers: headers? }, timeout?)
            }
            _ => {
                self.mistake_at(node, "a hook has either `run` or `url`", Some(FORMS.to_owned()));
                None
            }
        }
    }

    fn command(&mut self, node: &Node) -> Option<Action> {
        let action = match &node.content {
            Content::Scalar(Value::String(line)) if !line.trim().is_empty() => {
                Some(Action::Shell(line.clone()))
            }
            Content::List(items) if !items.is_empty() => {
                let words: Option<Vec<_>> = items.iter().map(|item| item.text().map(str::to_owned)).collect();
                words.filter(|words| words.first().is_some_and(|word| !word.is_empty())).map(Action::Program)
            }
            _ => None,
        };
        let nul = |action: &Action| match action {
            Action::Shell(line) => line.contains('\0'),
            Action::Program(words) => words.iter().any(|word| word.contains('\0')),
            Action::Post { .. } => false,
        };
        let action = action.filter(|action| !nul(action));
        if action.is_none() {
            self.mistake_at(
                node,
                "this is no command; numbers and the like need quotes",
                Some(FORMS.to_owned()),
            );
        }
        action
    }

    fn timeout(&mut self, node: &Node, usual: Duration) -> Option<Duration> {
        let Some(entry) = node.entry("timeout").filter(|entry| !entry.node.is_null()) else {
            return Some(usual);
        };
        let time = entry.node.text().and_then(parse_duration);
        let time = time.filter(|time| !time.is_zero() && *time <= LONGEST);
        if time.is_none() {
            let hint = "write `30s` or `10m`; at most a day";
            self.mistake_at(&entry.node, "`timeout` is no length of time that can be", Some(hint.to_owned()));
        }
        time
    }

    /// Reads where something is sent.
    pub(super) fn address(&mut self, key: &str, node: &Node) -> Option<Uri> {
        let url = node.text().and_then(|text| text.parse::<Uri>().ok());
        let known = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        let url = url.filter(known);
        if url.is_none() {
            let hint = "it begins with `https://` or `http://` and has a host";
            let message = format!("`{key}` is no address that can be sent to");
            self.mistake_at(node, message, Some(hint.to_owned()));
        }
        url
    }

    /// Reads what is sent with it.
    pub(super) fn headers(&mut self, node: &Node) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let Some(entry) = node.entry("headers").filter(|entry| !entry.node.is_null()) else {
            return Some(Vec::new());
        };
        if !self.expect_map(&entry.node, "`headers`") {
            return None;
        }
        let headers = entry.node.entries().iter().map(|header| self.header(header));
        headers.collect::<Vec<_>>().into_iter().collect()
    }

    fn header(&mut self, header: &Entry) -> Option<(HeaderName, HeaderValue)> {
        let name = header.key.parse::<HeaderName>().ok();
        let value = header.node.text().and_then(|text| HeaderValue::from_str(text).ok());
        if name.is_none() {
            let message = format!("`{}` is no name of a header", header.key.escape_debug());
            self.mistakes.push(Mistake::new(header.position, message));
        }
        if value.is_none() {
            let hint = "text without control characters is needed; put numbers in quotes";
            self.mistake_at(&header.node, "this is no value of a header", Some(hint.to_owned()));
        }
        let mut value = value?;
        value.set_sensitive(true);
        Some((name?, value))
    }
}

/// What is sent somewhere, or a hook, as it stands in the file. Of headers only those are left whose values are variables.
pub(super) fn written(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(_) => node.written().map_or_else(|| node.to_value(), Value::from),
        Content::List(items) => items.iter().map(written).collect(),
        Content::Map(entries) => {
            let mut map = Map::new();
            for entry in entries.iter().filter(|entry| !entry.node.is_null()) {
                let value =
                    if entry.key == "headers" { variables(&entry.node) } else { written(&entry.node) };
                map.insert(entry.key.clone(), value);
            }
            Value::Object(map)
        }
    }
}

fn variables(headers: &Node) -> Value {
    let filled = headers
        .entries()
        .iter()
        .filter_map(|header| Some((header.key.clone(), Value::from(header.node.template.clone()?))));
    Value::Object(filled.collect())
}
