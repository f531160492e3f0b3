//! The crates: which may use which, which library belongs in which room, what every manifest says.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Finding;
use crate::{process, project};

/// The allowed edges of ARCHITECTURE.md between our own crates, for normal and build dependencies.
const EDGES: &[(&str, &[&str])] = &[
    ("cadangkan-core", &[]),
    ("cadangkan-archive", &["cadangkan-core"]),
    ("cadangkan-http", &["cadangkan-core"]),
    ("cadangkan-notify", &["cadangkan-core", "cadangkan-http"]),
    ("cadangkan-storage", &["cadangkan-core", "cadangkan-http"]),
    ("cadangkan-storage-ftp", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-azure", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-gcs", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-rclone", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-sftp", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-s3", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-storage-webdav", &["cadangkan-core", "cadangkan-storage"]),
    ("cadangkan-engine", &["cadangkan-core"]),
    ("cadangkan-engine-sqlite", &["cadangkan-core", "cadangkan-engine"]),
    ("cadangkan-wire", &["cadangkan-core"]),
    ("cadangkan-pgwire", &["cadangkan-core", "cadangkan-wire"]),
    ("cadangkan-mywire", &["cadangkan-core", "cadangkan-wire"]),
    ("cadangkan-tunnel", &["cadangkan-core"]),
    (
        "cadangkan-engine-postgres",
        &["cadangkan-core", "cadangkan-engine", "cadangkan-pgwire", "cadangkan-tunnel"],
    ),
    (
        "cadangkan-engine-mysql",
        &["cadangkan-core", "cadangkan-engine", "cadangkan-mywire", "cadangkan-tunnel"],
    ),
    ("cadangkan-catalog", &["cadangkan-core"]),
    ("cadangkan-retention", &["cadangkan-core"]),
    ("cadangkan-scheduler", &["cadangkan-core", "cadangkan-catalog"]),
    (
        "cadangkan-ops",
        &[
            "cadangkan-core",
            "cadangkan-archive",
            "cadangkan-storage",
            "cadangkan-engine",
            "cadangkan-catalog",
            "cadangkan-retention",
        ],
    ),
    (
        "cadangkan",
        &[
            "cadangkan-core",
            "cadangkan-archive",
            "cadangkan-http",
            "cadangkan-storage",
            "cadangkan-storage-ftp",
            "cadangkan-storage-azure",
            "cadangkan-storage-gcs",
            "cadangkan-storage-rclone",
            "cadangkan-storage-sftp",
            "cadangkan-storage-s3",
            "cadangkan-storage-webdav",
            "cadangkan-engine",
            "cadangkan-engine-sqlite",
            "cadangkan-engine-postgres",
            "cadangkan-engine-mysql",
            "cadangkan-catalog",
            "cadangkan-notify",
            "cadangkan-retention",
            "cadangkan-scheduler",
            "cadangkan-ops",
        ],
    ),
    ("cadangkan-testkit", &["cadangkan-core", "cadangkan-engine", "cadangkan-storage"]),
    ("xtask", &[]),
];

/// What the tests of a crate may use beside the testkit and what the crate may know, and why.
const TEST_EDGES: &[(&str, &str, &str)] = &[
    ("cadangkan-ops", "cadangkan-engine-sqlite", "a verb is proved on a real database, not only on the fake"),
    ("cadangkan-scheduler", "cadangkan-retention", "a year is played with what stays of its backups"),
];

/// Libraries that belong in some rooms only, for normal and build dependencies.
const ROOMS: &[(&str, &[&str])] = &[
    ("anyhow", &["cadangkan", "cadangkan-testkit", "xtask"]),
    ("axum", &[]),
    ("clap", &["cadangkan"]),
    ("clap_complete", &["cadangkan"]),
    ("clap_mangen", &["cadangkan"]),
    ("croner", &["cadangkan-scheduler"]),
    ("curve25519-dalek", &["cadangkan-archive", "cadangkan-mywire"]),
    ("flate2", &["cadangkan-archive"]),
    ("indicatif", &["cadangkan"]),
    ("inquire", &["cadangkan"]),
    ("libc", &["cadangkan-wire"]),
    ("liblzma", &["cadangkan-archive"]),
    ("minijinja", &["cadangkan-notify"]),
    ("postgres-protocol", &["cadangkan-pgwire"]),
    ("quick-xml", &["cadangkan-storage-azure", "cadangkan-storage-s3", "cadangkan-storage-webdav"]),
    ("reqsign-aws-core", &["cadangkan-storage-s3"]),
    ("rusqlite", &["cadangkan-engine-sqlite", "cadangkan-catalog", "cadangkan-testkit"]),
    ("rustls", &["cadangkan-wire", "cadangkan-http", "cadangkan-notify", "cadangkan-storage-ftp"]),
    ("serde-saphyr", &["cadangkan"]),
    ("strsim", &["cadangkan"]),
    ("tokio", &[]),
    ("unicode-width", &["cadangkan"]),
    (
        "ureq",
        &[
            "cadangkan-http",
            "cadangkan-notify",
            "cadangkan-storage",
            "cadangkan-storage-azure",
            "cadangkan-storage-gcs",
            "cadangkan-storage-s3",
            "cadangkan-storage-webdav",
        ],
    ),
    ("zip", &["cadangkan-ops"]),
    ("zstd", &["cadangkan-archive"]),
];

const EDGE: &str = "ARCHITECTURE.md says which crate may use which";
const ROOM: &str = "a library that belongs in one room stays there; see the list in tidy";
const MANIFEST: &str = "every crate says what it is and keeps the workspace's lints";

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut command = project::cargo(&["metadata", "--no-deps", "--format-version", "1", "--quiet"])?;
    let metadata: Value = serde_json::from_str(&process::capture(command.current_dir(root))?)?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).context("cargo metadata has no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let path = relative(root, text(package, "manifest_path"));
        check_dependencies(&path, package, &mut findings);
        let manifest = std::fs::read_to_string(root.join(&path))?;
        check_manifest(&path, package, &manifest, &mut findings);
        for target in package.get("targets").and_then(Value::as_array).into_iter().flatten() {
            let source = relative(root, text(target, "src_path"));
            if source.ends_with("src/lib.rs") || source.ends_with("src/main.rs") {
                check_crate_docs(&source, &std::fs::read_to_string(root.join(&source))?, &mut findings);
            }
        }
    }
    Ok(findings)
}

fn check_dependencies(path: &str, package: &Value, findings: &mut Vec<Finding>) {
    let name = text(package, "name");
    let Some((_, allowed)) = EDGES.iter().find(|(crate_name, _)| *crate_name == name) else {
        findings.push(Finding::new(path, 1, format!("no rule for the crate {name}"), EDGE));
        return;
    };
    for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
        let used = text(dependency, "name");
        let development = text(dependency, "kind") == "dev";
        let ours = dependency.get("path").is_some_and(Value::is_string);
        let from_registry = dependency.get("source").is_some_and(Value::is_string);
        if ours && !development && !allowed.contains(&used) {
            findings.push(Finding::new(path, 1, format!("{name} may not use {used}"), EDGE));
        }
        if ours && development && !allowed.contains(&used) && !test_may_use(name, used) {
            findings.push(Finding::new(path, 1, format!("the tests of {name} may not use {used}"), EDGE));
        }
        let room = ROOMS.iter().find(|(library, _)| *library == used);
        if from_registry && !development && room.is_some_and(|(_, rooms)| !rooms.contains(&name)) {
            findings.push(Finding::new(path, 1, format!("{name} may not use the library {used}"), ROOM));
        }
    }
}

fn test_may_use(name: &str, used: &str) -> bool {
    let excepted = TEST_EDGES.iter().any(|(user, library, _)| (*user, *library) == (name, used));
    used == name || used == "cadangkan-testkit" || excepted
}

fn check_manifest(path: &str, package: &Value, manifest: &str, findings: &mut Vec<Finding>) {
    if text(package, "description").is_empty() {
        findings.push(Finding::new(path, 1, "no `description`", MANIFEST));
    }
    if !manifest.contains("[lints]\nworkspace = true\n") {
        findings.push(Finding::new(path, 1, "the workspace's lints are not inherited", MANIFEST));
    }
    let dependencies = manifest.lines().enumerate().skip_while(|(_, line)| !line.contains("dependencies]"));
    for (index, line) in dependencies.filter(|(_, line)| line.contains(" = ")) {
        if line.contains("version = ")
            || line.contains(" = \"") && !line.contains('[') && !line.contains("workspace")
        {
            let what = format!("a version outside [workspace.dependencies]: {line}");
            findings.push(Finding::new(
                path,
                index + 1,
                what,
                "one place says which version of a library we use",
            ));
        }
    }
}

fn check_crate_docs(path: &str, source: &str, findings: &mut Vec<Finding>) {
    if !source.starts_with("//! ") {
        findings.push(Finding::new(path, 1, "no documentation of the crate at its top", MANIFEST));
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn relative(root: &Path, path: &str) -> String {
    Path::new(path).strip_prefix(root).unwrap_or(Path::new(path)).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dependencies(name: &str, dependencies: Value) -> Vec<String> {
        let mut findings = Vec::new();
        check_dependencies(
            "Cargo.toml",
            &json!({ "name": name, "dependencies": dependencies }),
            &mut findings,
        );
        findings.into_iter().map(|finding| finding.what).collect()
    }

    fn ours(name: &str, kind: Option<&str>) -> Value {
        json!({ "name": name, "path": "/x", "source": null, "kind": kind })
    }

    fn library(name: &str, kind: Option<&str>) -> Value {
        json!({ "name": name, "source": "registry", "kind": kind })
    }

    #[test]
    fn a_forbidden_edge_is_found() {
        let found = dependencies("cadangkan-storage", json!([ours("cadangkan-archive", None)]));
        assert_eq!(found, ["cadangkan-storage may not use cadangkan-archive"]);
        assert_eq!(dependencies("cadangkan-core", json!([ours("cadangkan-core", Some("build"))])).len(), 1);
        assert!(dependencies("cadangkan-ops", json!([ours("cadangkan-archive", None)])).is_empty());
    }

    #[test]
    fn tests_may_use_the_testkit_but_no_other_room() {
        assert!(dependencies("cadangkan-ops", json!([ours("cadangkan-testkit", Some("dev"))])).is_empty());
        assert!(
            dependencies("cadangkan-ops", json!([ours("cadangkan-engine-sqlite", Some("dev"))])).is_empty()
        );
        assert_eq!(dependencies("cadangkan-archive", json!([ours("cadangkan-ops", Some("dev"))])).len(), 1);
        assert_eq!(dependencies("cadangkan-ops", json!([ours("cadangkan-testkit", None)])).len(), 1);
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        assert_eq!(dependencies("cadangkan-new", json!([])), ["no rule for the crate cadangkan-new"]);
    }

    #[test]
    fn a_library_stays_in_its_room() {
        assert_eq!(dependencies("cadangkan-ops", json!([library("zstd", None)])).len(), 1);
        assert!(dependencies("cadangkan-archive", json!([library("zstd", None)])).is_empty());
        assert!(dependencies("cadangkan-ops", json!([library("zstd", Some("dev"))])).is_empty());
        assert!(dependencies("cadangkan-ops", json!([library("serde", None)])).is_empty());
    }

    #[test]
    fn a_manifest_has_lints_a_description_and_no_versions() {
        let mut findings = Vec::new();
        let good = "[lints]\nworkspace = true\n\n[dependencies]\nserde.workspace = true\n";
        check_manifest("Cargo.toml", &json!({ "description": "x" }), good, &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        check_manifest("Cargo.toml", &json!({}), "[dependencies]\nserde = \"1\"\n", &mut findings);
        assert_eq!(findings.len(), 3, "{findings:?}");
    }

    #[test]
    fn a_crate_is_documented() {
        let mut findings = Vec::new();
        check_crate_docs("src/lib.rs", "mod a;\n", &mut findings);
        assert_eq!(findings.len(), 1);
    }
}
