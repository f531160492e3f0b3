use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Options, Spanned};

use super::mistake::Mistake;
use super::node::{Content, Entry, Node, Position, float};

/// The largest configuration file that is read.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads YAML, of which JSON is a part, into a tree with positions.
///
/// Aliases and merge keys are expanded within tight limits, so that a small file cannot become a large tree. Fails
/// with the one mistake that makes the text unreadable; keys that stand twice are listed in `mistakes`.
pub(super) fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Result<Node, Mistake> {
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let error = error.without_snippet();
        let position = error.location().map(position).unwrap_or_default();
        let mistake = Mistake::new(position, explain(&error.to_string()));
        let line = position.line.checked_sub(1).and_then(|line| text.lines().nth(line));
        match line.is_some_and(has_bare_variable) {
            true => mistake.hint("a variable within braces or brackets stands in quotes: \"${NAME}\""),
            false => mistake,
        }
    })?;
    let node = to_node(raw, mistakes);
    // An empty file, or one of comments only, is an empty configuration.
    if node.is_null() { Ok(Node::empty_map(node.position)) } else { Ok(node) }
}

/// Tells whether a line has a variable that YAML takes for the begin of a map.
fn has_bare_variable(line: &str) -> bool {
    let opens = line.find(['{', '[']).unwrap_or(line.len());
    line.match_indices("${").any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        at > opens && before.trim_end().ends_with([':', ',', '[', '{'])
    })
}

fn explain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    let limit = message.strip_prefix("budget breached: ");
    if limit.is_some_and(|limit| limit.starts_with("Documents")) {
        "a second document begins; a file holds one".to_owned()
    } else if limit.is_some() || message.contains("recursion limit") {
        "larger or more deeply nested than a configuration may be".to_owned()
    } else {
        format!("cannot be read as YAML: {message}")
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_events: 200_000,
            max_nodes: 100_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1,
            max_total_scalar_bytes: MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        // Doubled keys all come through to us, so that every one of them can be named.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn position(location: Location) -> Position {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Position {
        line: number(location.line()),
        column: number(location.column()),
        length: number(location.span().len()),
    }
}

/// A value as the parser gives it.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn to_node(raw: Spanned<Raw>, mistakes: &mut Vec<Mistake>) -> Node {
    let content = match raw.value {
        Raw::Scalar(value) => Content::Scalar(value),
        Raw::List(items) => Content::List(items.into_iter().map(|item| to_node(item, mistakes)).collect()),
        Raw::Map(pairs) => Content::Map(to_entries(pairs, mistakes)),
    };
    Node { content, position: position(raw.referenced), template: None, unfilled: false, profile: false }
}

fn to_entries(pairs: Vec<(Spanned<String>, Spanned<Raw>)>, mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let place = position(key.referenced);
        let node = to_node(value, mistakes);
        if seen.insert(key.value.clone()) {
            entries.push(Entry { key: key.value, position: place, node });
        } else {
            mistakes.push(Mistake::new(place, format!("the key `{}` stands here twice", key.value)));
        }
    }
    entries
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}
