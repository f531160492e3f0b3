use std::fmt;

use cadangkan_ops::shrink::ShrinkGuard;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What makes a backup look wrong, as it is written in the file and kept in the catalog; none: `false`, nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShrinkGuardSettings(pub(crate) Option<ShrinkGuard>);

/// The map in the file. Keys that are not known are named by the check.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Written {
    rows: Percent,
    size: Percent,
    tables: bool,
}

impl ShrinkGuardSettings {
    /// Keys of the map in the file.
    pub(crate) const KEYS: &[&str] = &["rows", "size", "tables"];
}

impl Default for ShrinkGuardSettings {
    fn default() -> Self {
        ShrinkGuardSettings(Some(ShrinkGuard::default()))
    }
}

/// In words.
impl fmt::Display for ShrinkGuardSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ShrinkGuard { rows, size, tables }) = self.0 else { return f.write_str("off") };
        write!(f, "rows under {rows} %, size under {size} %")?;
        f.write_str(if tables { ", tables gone" } else { "" })
    }
}

impl Default for Written {
    fn default() -> Self {
        Written::from(ShrinkGuard::default())
    }
}

impl From<ShrinkGuard> for Written {
    fn from(ShrinkGuard { rows, size, tables }: ShrinkGuard) -> Self {
        Written { rows: Percent(rows), size: Percent(size), tables }
    }
}

impl From<Written> for ShrinkGuard {
    fn from(Written { rows, size, tables }: Written) -> Self {
        ShrinkGuard { rows: rows.0, size: size.0, tables }
    }
}

impl Serialize for ShrinkGuardSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(guard) => Written::from(guard).serialize(serializer),
            None => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for ShrinkGuardSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GuardVisitor)
    }
}

struct GuardVisitor;

impl<'de> Visitor<'de> for GuardVisitor {
    type Value = ShrinkGuardSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("false, or a map such as { rows: 50%, size: 50%, tables: true }")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
        Ok(ShrinkGuardSettings(on.then(ShrinkGuard::default)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let written = Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ShrinkGuardSettings(Some(written.into())))
    }
}

/// A part of a hundred: `50%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(pub(crate) u8);

impl Percent {
    /// Reads `50%`.
    pub(crate) fn parse(text: &str) -> Option<Percent> {
        let number = text.strip_suffix('%')?.trim_end();
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|percent| is_plain && *percent <= 100).map(Percent)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Percent::parse(&text).ok_or_else(|| D::Error::custom("must be 0% to 100%, such as 50%"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<ShrinkGuardSettings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let usual = ShrinkGuard::default();
        for (written, guard) in [
            (json!(false), None),
            (json!({ "rows": "50%", "size": "50%", "tables": true }), Some(usual)),
            (
                json!({ "rows": "20%", "size": "0%", "tables": false }),
                Some(ShrinkGuard { rows: 20, size: 0, tables: false }),
            ),
        ] {
            let settings = read(written.clone()).unwrap();
            assert_eq!(settings.0, guard);
            assert_eq!(json!(settings), written);
        }
        assert_eq!(read(json!(true)).unwrap().0, Some(usual));
        assert_eq!(read(json!({ "rows": "10 %" })).unwrap().0, Some(ShrinkGuard { rows: 10, ..usual }));
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for bad in ["50", "101%", "-1%", "", "%", "+5%", "1.5%", "a%"] {
            let error = read(json!({ "rows": bad })).unwrap_err();
            assert!(error.contains("such as 50%"), "{bad}: {error}");
        }
        assert!(read(json!("on")).is_err() && read(json!([1])).is_err());
    }
}
