use serde_json::{Map, Number, Value};

/// A place in the configuration file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column in characters, from 1.
    pub(crate) column: usize,
    /// How many characters it spans; 0 when that is not known.
    pub(crate) length: usize,
}

/// A value of the configuration that knows where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The value.
    pub(crate) content: Content,
    /// Where it stands; where it is referred to, for an alias.
    pub(crate) position: Position,
    /// The text before variables were filled in, where there were any.
    pub(crate) template: Option<String>,
    /// Whether a variable in it is not set; that was said, and its value means nothing.
    pub(crate) unfilled: bool,
    /// Whether it comes from the chosen profile.
    pub(crate) profile: bool,
}

/// The value of a [`Node`].
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Null, a boolean, a number or text.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; no key twice.
    Map(Vec<Entry>),
}

/// One key of a map, with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) position: Position,
    /// The value.
    pub(crate) node: Node,
}

impl Node {
    /// Makes an empty map, which is also what an empty file means.
    pub(crate) fn empty_map(position: Position) -> Self {
        Node { content: Content::Map(Vec::new()), position, template: None, unfilled: false, profile: false }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// The entry of a map under a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Takes the entry under a key out of a map.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let Content::Map(entries) = &mut self.content else { return None };
        let place = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(place))
    }

    /// Keeps only these keys; what is no map becomes an empty one.
    pub(crate) fn keep(&mut self, keys: &[&str]) {
        match &mut self.content {
            Content::Map(entries) => entries.retain(|entry| keys.contains(&entry.key.as_str())),
            content => *content = Content::Map(Vec::new()),
        }
    }

    /// Puts an entry back into a map.
    pub(crate) fn put_back(&mut self, entry: Option<Entry>) {
        if let Content::Map(entries) = &mut self.content {
            entries.extend(entry);
        }
    }

    /// Whether nothing is given: `key:` without a value, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// The text, when it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Content::Scalar(Value::String(text)) = &self.content { Some(text) } else { None }
    }

    /// The text as it stands in the file: what a variable holds may be a secret.
    pub(crate) fn written(&self) -> Option<&str> {
        self.template.as_deref().or(self.text())
    }

    /// Puts the text of the file in the place of what its variables gave.
    pub(crate) fn hide_filled(&self, message: String) -> String {
        match (&self.template, self.text()) {
            (Some(template), Some(text)) if !text.is_empty() => message.replace(text, template),
            _ => message,
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(Value::Null) => "nothing",
            Content::Scalar(Value::Bool(_)) => "true or false",
            Content::Scalar(Value::Number(_)) => "a number",
            Content::Scalar(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// Finds the node that a path of keys and list positions leads to.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Node> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let next = match &self.content {
            Content::Scalar(_) => None,
            Content::List(items) => items.get(list_position(first)?),
            Content::Map(_) => self.entry(first).map(|entry| &entry.node),
        };
        next?.find(rest)
    }

    /// Takes out what a path leads to, when there is something.
    pub(crate) fn remove(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => match list_position(first).filter(|position| *position < items.len()) {
                Some(position) if rest.is_empty() => drop(items.remove(position)),
                Some(position) => items.iter_mut().skip(position).take(1).for_each(|item| item.remove(rest)),
                None => {}
            },
            Content::Map(entries) if rest.is_empty() => entries.retain(|entry| entry.key != *first),
            Content::Map(entries) => {
                entries
                    .iter_mut()
                    .filter(|entry| entry.key == *first)
                    .for_each(|entry| entry.node.remove(rest));
            }
        }
    }

    /// The plain value; keys without a value are left out, as if they were not there.
    pub(crate) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Node::to_value).collect(),
            Content::Map(entries) => {
                let given = entries.iter().filter(|entry| !entry.node.is_null());
                Value::Object(given.map(|entry| (entry.key.clone(), entry.node.to_value())).collect())
            }
        }
    }

    /// Makes a tree without positions from a plain value.
    pub(crate) fn from_value(value: &Value) -> Self {
        let content = match value {
            Value::Array(items) => Content::List(items.iter().map(Node::from_value).collect()),
            Value::Object(map) => Content::Map(entries_of(map)),
            scalar => Content::Scalar(scalar.clone()),
        };
        Node { content, position: Position::default(), template: None, unfilled: false, profile: false }
    }

    /// Lays another tree over this one: maps are joined key by key, everything else is replaced.
    pub(crate) fn merge(&mut self, over: Node) {
        match (&mut self.content, over.content) {
            (Content::Map(entries), Content::Map(others)) => {
                for other in others {
                    match entries.iter_mut().find(|entry| entry.key == other.key) {
                        Some(entry) => entry.node.merge(other.node),
                        None => entries.push(other),
                    }
                }
            }
            (_, content) => *self = Node { content, ..over },
        }
    }

    /// Marks this node and all below it as coming from the chosen profile.
    pub(crate) fn mark_profile(&mut self) {
        self.profile = true;
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(Node::mark_profile),
            Content::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.mark_profile()),
        }
    }
}

/// Reads a position in a list, which paths write as `2` or `[2]`.
pub(crate) fn list_position(segment: &str) -> Option<usize> {
    segment.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Makes a number of a float; those that are none become text.
pub(crate) fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

fn entries_of(map: &Map<String, Value>) -> Vec<Entry> {
    let entry = |(key, value): (&String, &Value)| Entry {
        key: key.clone(),
        position: Position::default(),
        node: Node::from_value(value),
    };
    map.iter().map(entry).collect()
}
