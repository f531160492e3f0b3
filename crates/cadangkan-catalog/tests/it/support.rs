use cadangkan_catalog::{BackupRecord, BackupStatus, Catalog};
use cadangkan_core::{BackupId, Name, Timestamp};
use tempfile::TempDir;

/// Texts that break statements, files and terminals that are not careful.
pub(crate) const HOSTILE: [&str; 10] = [
    "'; DROP TABLE runs; --",
    "\"quoted\" 'twice' `thrice`",
    "$1 ?1 :name @name %s {}",
    "NULL",
    "",
    " ",
    "nul\0inside",
    "line\nbreak\ttab\r\u{1b}[31m",
    "मराठी 日本語 🗄️ \u{202e}desrever",
    "100%_\\",
];

pub(crate) fn catalog() -> (TempDir, Catalog) {
    let place = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&place.path().join("catalog.db")).unwrap();
    (place, catalog)
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::new(1_768_000_000 + second, 123_456_000).unwrap()
}

/// A good backup that began at a second, in the storage `home`.
pub(crate) fn backup(database: &str, second: i64) -> BackupRecord {
    BackupRecord {
        database: name(database),
        original: Some(format!("/srv/{database}.db")),
        databases: Vec::new(),
        id: BackupId::new(at(second)),
        storage: name("home"),
        archive_key: format!("{database}/2026/01/{second}.sqlite.zst"),
        engine: "sqlite".into(),
        kind: "full".into(),
        trigger: "manual".into(),
        schedule: None,
        status: BackupStatus::Good,
        created_at: at(second),
        completed_at: at(second + 1),
        size_bytes: 1000,
        raw_bytes: 4000,
        tables: Some(12),
        codec: "zstd".into(),
        selection: None,
        preserved: false,
        keep_until: None,
        suspect: Vec::new(),
        tags: Vec::new(),
        ticket: None,
        verified_at: None,
        verified_level: None,
        checksum: "sha256:00".into(),
        run: None,
    }
}
