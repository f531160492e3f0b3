//! The position of a backup as a file beside it.

use cadangkan_engine::SideFile;
use cadangkan_mywire::Version;
use serde_json::{Map, Value};

use super::users::Found;
use crate::descriptor::POSITION;

/// What such a file has, in its order.
const KEYS: [&str; 8] = [
    "gtid_executed",
    "gtid_purged",
    "gtid_current_pos",
    "gtid_binlog_pos",
    "gtid_slave_pos",
    "server_uuid",
    "binlog_file",
    "binlog_offset",
];

/// Writes the position into lines of `key=value`; where there is none, that is a warning.
pub(super) fn side_file(position: &Map<String, Value>, databases: &str, version: &Version) -> Found {
    let mut text = format!(
        "# Cadangkan: where the log of the server was, for this backup\n# of {databases}, {version}\n"
    );
    let (mut lines, mut has_gtid) = (0, false);
    for key in KEYS {
        let Some(value) = position.get(key) else { continue };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("{key}={value}\n"));
        lines += usize::from(key != "server_uuid");
        has_gtid |= key.starts_with("gtid_");
    }
    let mut warnings = Vec::new();
    if lines == 0 {
        warnings.push(
            "there is no position to capture: the server writes no binary log, or this user may not read where it is (RELOAD, and REPLICATION CLIENT or BINLOG MONITOR)"
                .to_owned(),
        );
        return Found { file: None, warnings };
    }
    if !has_gtid {
        warnings.push(
            "the position has no GTIDs: the server keeps none, or this user may not read them".to_owned(),
        );
    }
    Found { file: Some(SideFile { kind: POSITION, bytes: text.into_bytes() }), warnings }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_is_lines_and_none_is_a_warning() {
        let version = Version {
            flavor: cadangkan_mywire::Flavor::MariaDb,
            number: (10, 11, 19),
            text: "10.11.19-MariaDB".to_owned(),
        };
        let of = |value: Value| side_file(value.as_object().unwrap(), "database a", &version);
        let whole = of(
            json!({ "locked_ms": 3, "binlog_offset": 4, "binlog_file": "b.1", "gtid_binlog_pos": "0-1-2" }),
        );
        let text = String::from_utf8(whole.file.unwrap().bytes).unwrap();
        assert!(text.ends_with("\ngtid_binlog_pos=0-1-2\nbinlog_file=b.1\nbinlog_offset=4\n"), "{text}");
        assert_eq!((text.lines().count(), whole.warnings.len()), (5, 0), "{text}");
        assert_eq!(of(json!({ "binlog_file": "b.1" })).warnings.len(), 1);
        let none = of(json!({ "locked_ms": 3, "server_uuid": "x" }));
        assert!(none.file.is_none() && none.warnings[0].contains("no position"));
    }
}
