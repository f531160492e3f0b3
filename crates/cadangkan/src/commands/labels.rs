//! Which databases are meant, by their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Name, Result};

use crate::inventory::{DatabaseEntry, Inventory};

/// The longest value of a label, in bytes.
pub(crate) const LONGEST: usize = 128;

/// Flags that choose databases by their labels.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct LabelArgs {
    /// Only databases with this label; may be given more than once, and all count
    #[arg(long, value_name = "KEY=VALUE", id = "chosen-label")]
    label: Vec<Wanted>,
    /// Only databases of this group
    #[arg(long, value_name = "NAME", id = "chosen-group")]
    group: Option<String>,
}

impl LabelArgs {
    /// Tells whether nothing was chosen.
    pub(crate) fn is_empty(&self) -> bool {
        self.label.is_empty() && self.group.is_none()
    }

    /// Tells whether a database is meant.
    pub(crate) fn matches(&self, entry: &DatabaseEntry) -> bool {
        let labels = entry.options.labels();
        self.label.iter().all(|wanted| wanted.is_in(&labels))
            && self.group.as_deref().is_none_or(|group| labels.get(GROUP).is_some_and(|own| own == group))
    }

    /// The databases that are meant; fails with `NotFound` where something was chosen and no database is like it.
    pub(crate) fn choose<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a DatabaseEntry>> {
        let found: Vec<_> = inventory.databases().iter().filter(|entry| self.matches(entry)).collect();
        if self.is_empty() || !found.is_empty() {
            return Ok(found);
        }
        let all = inventory.databases().iter().flat_map(|entry| entry.options.labels());
        let all: BTreeSet<_> = all.map(|(key, value)| format!("{key}={value}")).collect();
        let hint = match all.is_empty() {
            true => "none has any label: give them some with `cadangkan edit <database> --label client=acme`"
                .to_owned(),
            false => format!("there is: {}", all.into_iter().collect::<Vec<_>>().join(", ")),
        };
        Err(Error::new(ErrorKind::NotFound, "no database has these labels").hint(hint))
    }
}

/// The key of the label that `group` stands for.
pub(crate) const GROUP: &str = "group";

/// A label that is looked for: a key with a value, or one with any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    key: String,
    value: Option<String>,
}

impl Wanted {
    fn is_in(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(&self.key).is_some_and(|own| self.value.as_ref().is_none_or(|value| value == own))
    }
}

impl FromStr for Wanted {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
        Ok(Wanted { key: Name::new(key)?.to_string(), value: value.map(str::to_owned) })
    }
}

/// Reads a label that a database is given.
pub(crate) fn parse_label(text: &str) -> Result<(Name, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    let key = Name::new(key).map_err(|error| error.to_string())?;
    match is_value(value) {
        true => Ok((key, value.to_owned())),
        false => Err(format!("the value has 1 to {LONGEST} bytes, and no control characters")),
    }
}

/// Tells whether a text may be the value of a label.
pub(crate) fn is_value(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_keys_with_values() {
        assert_eq!(parse_label("a=b=c").unwrap(), (Name::new("a").unwrap(), "b=c".to_owned()));
        for wrong in ["", "a", "=b", "a=", "a b=c", "a=\n", &format!("a={}", "x".repeat(LONGEST + 1))] {
            parse_label(wrong).unwrap_err();
        }
        let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        let is_in = |text: &str| text.parse::<Wanted>().unwrap().is_in(&labels);
        assert!(is_in("env=prod") && is_in("env"));
        assert!(!is_in("env=pro") && !is_in("env=") && !is_in("client"));
    }
}
