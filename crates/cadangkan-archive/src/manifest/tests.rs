use cadangkan_core::{ErrorKind, ObjectKind, ObjectName};

use super::*;
use crate::{Checksum, CodecKind};

fn sample() -> Manifest {
    let archive = ArchiveInfo {
        file: "shop_manual_20260115_143022_a1b2c3.sqlite.zst".into(),
        size_bytes: 1234,
        size_human: "1.2 kB".into(),
        raw_bytes: 8192,
        frames: 1,
        codec: CodecKind::Zstd,
        level: 3,
        layout: "image".into(),
        checksum: Checksum::of(b"archive"),
        other: Map::new(),
    };
    let index = IndexInfo {
        file: format!("{}.index", archive.file),
        size_bytes: 56,
        checksum: Checksum::of(b"index"),
        other: Map::new(),
    };
    let created_at: Timestamp = "2026-01-15T14:30:22.5Z".parse().unwrap();
    Manifest {
        format_version: 1,
        backup_id: BackupId::new(created_at),
        backup_type: BackupType::Full,
        trigger: Trigger::Manual,
        schedule: Some("nightly".into()),
        status: Manifest::COMPLETE.into(),
        engine: "sqlite".into(),
        server_version: "3.51.3".into(),
        host: None,
        port: None,
        database_name: Name::new("shop").unwrap(),
        database: "data/shop.db".into(),
        created_at,
        completed_at: "2026-01-15T14:30:23Z".parse().unwrap(),
        duration_seconds: 0.5,
        archive,
        index,
        side_files: Vec::new(),
        encryption: EncryptionInfo::none(),
        options: Map::new(),
        selection: Selection::default(),
        databases: Vec::new(),
        position: Map::new(),
        attributes: Map::from_iter([("page_size".into(), 4096.into())]),
        tables_count: 1,
        objects: vec![ObjectReport::new(ObjectKind::TABLE, ObjectName::new("\"seal\": \"ü\""))],
        check: Some("quick_check".into()),
        tool: ToolInfo { name: "cadangkan".into(), version: "0.1.0".into() },
        tool_versions: Map::new(),
        ticket: None,
        tags: vec!["before-release".into()],
        labels: Default::default(),
        git: None,
        preserved: false,
        keep_until: None,
        suspect: Vec::new(),
        warnings: Vec::new(),
        other: Map::new(),
    }
}

/// Seals a changed text anew, as a hostile writer would.
fn sealed(change: impl Fn(&str) -> String) -> Vec<u8> {
    let bytes = sample().to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (body, _seal) = text.rsplit_once("  \"seal\"").unwrap();
    let body = change(body);
    format!("{body}  \"seal\": \"{}\"\n}}\n", Checksum::of(body.as_bytes())).into_bytes()
}

fn kind_of(bytes: &[u8]) -> ErrorKind {
    Manifest::from_bytes(bytes).unwrap_err().kind()
}

#[test]
fn files_beside_the_archive_are_kept_and_stay_in_its_folder() {
    let side = SideFileInfo {
        kind: "users".into(),
        file: "shop_manual.users.sql".into(),
        size_bytes: 3,
        checksum: Checksum::of(b"abc"),
        other: Map::new(),
    };
    let manifest = Manifest { side_files: vec![side.clone()], ..sample() };
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes().unwrap()).unwrap(), manifest);
    let value: Value = serde_json::from_slice(&manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(value["side_files"][0]["kind"], "users");
    let outside = SideFileInfo { file: "../x".into(), ..side };
    assert!(Manifest { side_files: vec![outside], ..sample() }.to_bytes().is_err());
}

#[test]
fn comes_back_as_it_was() {
    let bytes = sample().to_bytes().unwrap();
    assert_eq!(Manifest::from_bytes(&bytes).unwrap(), sample());
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["type"], "full");
    assert_eq!(value["archive"]["codec"], "zstd");
    assert_eq!(value["encryption"]["cipher"], "none");
    assert_eq!(value.as_object().unwrap().keys().next_back().unwrap(), "seal");
}

#[test]
fn every_flipped_bit_is_seen() {
    let mut bytes = sample().to_bytes().unwrap();
    for position in 0..bytes.len() {
        for bit in 0..8 {
            bytes[position] ^= 1 << bit;
            assert_eq!(kind_of(&bytes), ErrorKind::DamagedBackup, "bit {bit} of byte {position}");
            bytes[position] ^= 1 << bit;
        }
    }
    assert!(Manifest::from_bytes(&bytes).is_ok());
}

#[test]
fn every_cut_and_every_addition_is_seen() {
    let bytes = sample().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert_eq!(kind_of(&bytes[..length]), ErrorKind::DamagedBackup, "{length}");
    }
    for more in ["\n", " ", "\0", "}", "{}"] {
        assert_eq!(kind_of(&[&bytes, more.as_bytes()].concat()), ErrorKind::DamagedBackup, "{more:?}");
        assert_eq!(kind_of(&[more.as_bytes(), &bytes].concat()), ErrorKind::DamagedBackup, "{more:?}");
    }
    assert_eq!(kind_of(&vec![b' '; crate::MAX_MANIFEST + 1]), ErrorKind::DamagedBackup);
}

#[test]
fn what_is_not_known_is_kept() {
    let sixty_bytes = "A".repeat(80);
    let keys = format!("[{{\"kind\": \"chip\", \"slot\": 1, \"sealed\": \"{sixty_bytes}\"}}]");
    let bytes = sealed(|body| {
        body.replace("\"trigger\": \"manual\"", "\"trigger\": \"solstice\"")
            .replace(
                "\"cipher\": \"none\"",
                &format!("\"cipher\": \"aes-256-gcm\", \"salted\": 7, \"keys\": {keys}"),
            )
            .replace("\"level\": 3", "\"level\": 3, \"window\": 27")
            .replace("\"warnings\": []", "\"warnings\": [], \"chain\": {\"base\": \"x\"}")
    });
    let manifest = Manifest::from_bytes(&bytes).unwrap();
    assert_eq!(manifest.trigger, Trigger::Other("solstice".into()));
    assert!(manifest.encryption.is_encrypted());
    let again: Value = serde_json::from_slice(&manifest.to_bytes().unwrap()).unwrap();
    let expected: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!((&again["encryption"]["keys"], &again["encryption"]["salted"]), (&expected, &Value::from(7)));
    assert_eq!(again["archive"]["window"], 27);
    assert_eq!(again["chain"]["base"], "x");
}

#[test]
fn refuses_what_cannot_be_even_when_sealed() {
    let damaged = [
        ("\"format_version\": 1", "\"format_version\": 0"),
        ("\"format_version\": 1", "\"format_version\": -1"),
        ("\"format_version\": 1", "\"format_version\": 1, \"format_version\": 1"),
        ("\"status\": \"complete\"", "\"status\": \"partial\""),
        ("\"cipher\": \"none\"", ""),
        ("\"backup_id\": \"2026", "\"backup_id\": \"../2026"),
        ("\"database_name\": \"shop\"", "\"database_name\": \"../shop\""),
        ("\"file\": \"shop", "\"file\": \"../shop"),
        ("\"file\": \"shop", "\"file\": \"a\\\\shop"),
        ("\"file\": \"shop", "\"file\": \".shop"),
        ("\"level\": 3", "\"level\": 99"),
        ("\"size_bytes\": 1234", "\"size_bytes\": -1"),
        ("\"duration_seconds\": 0.5", "\"duration_seconds\": -0.5"),
        ("\"warnings\": []", "\"warnings\": [], \"seal\": \"x\""),
    ];
    for (from, to) in damaged {
        let bytes = sealed(|body| {
            assert!(body.contains(from), "{from}");
            body.replacen(from, to, 1)
        });
        assert_eq!(kind_of(&bytes), ErrorKind::DamagedBackup, "{to}");
    }
    let newer = sealed(|body| body.replace("\"format_version\": 1", "\"format_version\": 2, \"engine\": 7"));
    assert_eq!(kind_of(&newer), ErrorKind::Unsupported);
}

#[test]
fn does_not_write_what_it_would_not_read() {
    let broken: [fn(&mut Manifest); 4] = [
        |manifest| manifest.archive.file = "a/b".into(),
        |manifest| manifest.duration_seconds = f64::NAN,
        |manifest| manifest.format_version = 2,
        |manifest| drop(manifest.other.insert("seal".into(), Value::Null)),
    ];
    for change in broken {
        let mut manifest = sample();
        change(&mut manifest);
        assert_eq!(manifest.to_bytes().unwrap_err().kind(), ErrorKind::Internal);
    }
}

#[test]
fn durations_are_kept_to_the_millisecond() {
    let manifest = Manifest { duration_seconds: 1.0 / 3.0, ..sample() };
    let read = Manifest::from_bytes(&manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(read.duration_seconds, 0.333);
}

#[test]
fn one_of_several_databases_has_a_manifest_of_its_own() {
    let part = |name: &str, tables_count| DatabasePart {
        name: name.to_owned(),
        tables_count,
        raw_bytes: 70,
        stored_bytes: 7,
        selection: Selection { schema_only: name == "b", ..Selection::default() },
        attributes: Map::from_iter([("database".to_owned(), Value::from(name))]),
        other: Map::new(),
    };
    let object = |database: &str| {
        let name = ObjectName { database: Some(database.to_owned()), ..ObjectName::new("t") };
        ObjectReport::new(ObjectKind::TABLE, name)
    };
    let databases = vec![part("a", 1), part("b", 2)];
    let manifest = Manifest { databases, objects: vec![object("a"), object("b")], ..sample() };
    let read = Manifest::from_bytes(&manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(read, manifest);
    assert!(read.holds("a") && read.holds("b") && !read.holds(&read.database));
    assert!(sample().holds(&sample().database) && sample().of_database("a").is_none());
    let of_b = read.of_database("b").unwrap();
    assert_eq!((of_b.database.as_str(), of_b.tables_count, of_b.archive.size_bytes), ("b", 2, 7));
    assert_eq!(of_b.objects.iter().map(|object| object.name.to_string()).collect::<Vec<_>>(), ["t"]);
    assert!(of_b.selection.schema_only && of_b.databases.is_empty() && of_b.attributes["database"] == "b");
}
