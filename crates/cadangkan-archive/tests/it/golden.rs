//! Files that released versions wrote restore for ever.

use std::path::{Path, PathBuf};

use cadangkan_archive::{
    Checksum, CodecKind, FileRole, Identities, Index, Manifest, SealedFile, rebuild_index,
};
use cadangkan_core::{ErrorKind, ObjectName, Section};
use zeroize::Zeroizing;

use crate::support::{read_by_index, read_sequentially};

/// A backup on the disk, and the checksum that its uncompressed bytes had when it was made.
struct Golden {
    manifest: Manifest,
    archive: Vec<u8>,
    index: Vec<u8>,
    raw: Checksum,
}

fn golden(version: &str) -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(version);
    let mut manifests: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(Manifest::SUFFIX))
        .collect();
    manifests.sort();
    let read = |manifest: PathBuf| {
        let manifest = Manifest::from_bytes(&std::fs::read(manifest).unwrap()).unwrap();
        let file = &manifest.archive.file;
        let payload = file.strip_suffix(manifest.archive.codec.extension()).unwrap().trim_end_matches('.');
        let raw = std::fs::read_to_string(folder.join(format!("{payload}.checksum"))).unwrap();
        Golden {
            archive: std::fs::read(folder.join(file)).unwrap(),
            index: std::fs::read(folder.join(&manifest.index.file)).unwrap(),
            raw: raw.trim_end().parse().unwrap(),
            manifest,
        }
    };
    manifests.into_iter().map(read).collect()
}

#[test]
fn version_1_restores() {
    let all = golden("v1");
    let codecs: Vec<CodecKind> = all.iter().map(|golden| golden.manifest.archive.codec).collect();
    assert!(CodecKind::ALL.iter().all(|kind| codecs.contains(kind)) && all.len() == 6, "{codecs:?}");
    for Golden { manifest, archive, index, raw } in all {
        let info = &manifest.archive;
        assert_eq!(Checksum::of(&archive), info.checksum);
        assert_eq!(Checksum::of(&index), manifest.index.checksum);
        assert_eq!((archive.len() as u64, index.len() as u64), (info.size_bytes, manifest.index.size_bytes));
        let index = Index::read(&index[..]).unwrap();
        assert_eq!(
            (index.frames(), index.raw_bytes(), index.codec()),
            (info.frames, info.raw_bytes, info.codec)
        );
        let by_index = read_by_index(&index, &archive).unwrap();
        assert_eq!(Checksum::of(&by_index), raw, "{} by index", info.file);
        assert_eq!(
            Checksum::of(&read_sequentially(info.codec, &archive).unwrap()),
            raw,
            "{} in order",
            info.file
        );
        assert_eq!(CodecKind::detect(&archive), info.codec);
        by_range(&index, &archive, &by_index);
        if info.layout == "image" && !matches!(info.codec, CodecKind::Zlib | CodecKind::None) {
            let scan =
                rebuild_index(info.codec, &archive[..], ObjectName::new("image"), Section::Data).unwrap();
            let places = |index: &Index| {
                index.entries().iter().map(|entry| (entry.stored_range(), entry.hash)).collect::<Vec<_>>()
            };
            assert_eq!(places(&scan), places(&index));
        }
    }
}

/// Reads each byte range of 700 by the frames that cover it.
fn by_range(index: &Index, archive: &[u8], raw: &[u8]) {
    let mut decoder = index.codec().decoder().unwrap();
    for start in (0..raw.len()).step_by(700) {
        let end = raw.len().min(start + 700);
        let entries = index.covering(start as u64..end as u64);
        let (mut covered, mut frame) = (Vec::new(), Vec::new());
        for entry in entries {
            let stored = entry.stored_range();
            decoder.decode(entry, &archive[stored.start as usize..stored.end as usize], &mut frame).unwrap();
            covered.extend_from_slice(&frame);
        }
        let skip = start - entries[0].raw_offset as usize;
        assert!(covered[skip..skip + end - start] == raw[start..end]);
    }
}

#[test]
fn version_1_keeps_names_and_sections() {
    let all = golden("v1");
    let statements = all.iter().find(|golden| golden.manifest.archive.layout == "statements").unwrap();
    let index = Index::read(&statements.index[..]).unwrap();
    let sections: Vec<Section> = index.entries().iter().map(|entry| entry.section).collect();
    let data = Section::Data;
    assert_eq!(
        sections,
        [Section::Header, Section::PreData, data, data, data, Section::PostData, Section::Trailer]
    );
    let odd = &index.entries()[3];
    assert_eq!((odd.object.to_string().as_str(), odd.rows, odd.part), ("public.größe \"x\"\n客户", 1, 0));
    assert_eq!(statements.manifest.objects.len(), 3);
    assert_eq!(statements.manifest.ticket.as_deref(), Some("OPS-7"));
}

#[test]
fn version_1_encrypted_opens_with_each_of_its_secrets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/v1");
    let read = |name: &str| std::fs::read(folder.join("encrypted").join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    let name = "statements.sql.zst.enc";
    let (archive, index) = (read(name), read(&format!("{name}.index")));
    let manifest = Manifest::from_bytes(&read(&format!("{name}{}", Manifest::SUFFIX))).unwrap();
    assert_eq!(Checksum::of(&archive), manifest.archive.checksum);
    assert_eq!(Checksum::of(&index), manifest.index.checksum);
    let checksum = std::fs::read_to_string(folder.join("statements.sql.checksum")).unwrap();
    for secret in ["passphrase-argon2id.txt", "passphrase-pbkdf2.txt", "private-key.txt", "key-file.txt"] {
        let mut identities = Identities::default();
        match secret.starts_with("passphrase") {
            true => identities.add_passphrase(Zeroizing::new(text(secret))),
            false => identities.add_file(&text(secret)).unwrap(),
        }
        let data_key = identities.unwrap(&manifest.encryption.keys).unwrap();
        let open = |bytes: &[u8], role| {
            let unlock = |wraps: &[_]| {
                assert_eq!(wraps, manifest.encryption.keys);
                Ok(data_key.clone())
            };
            SealedFile::open(bytes, bytes.len() as u64, role, unlock).unwrap().open_bytes(bytes).unwrap()
        };
        let (archive, index) = (open(&archive, FileRole::Archive), open(&index, FileRole::Index));
        let index = Index::read(index.as_slice()).unwrap();
        let raw = read_by_index(&index, &archive).unwrap();
        assert_eq!(Checksum::of(&raw).to_string(), checksum.trim_end(), "{secret}");
        let mut manifest = manifest.clone();
        assert!(manifest.objects.is_empty());
        manifest.reveal(&data_key).unwrap();
        assert_eq!(manifest.objects.len(), 3);
    }
}

#[test]
fn version_1_of_openssl_opens_and_its_manifest_is_believed_in_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/v1");
    let read = |name: &str| std::fs::read(folder.join("openssl").join(name)).unwrap();
    let name = "statements.sql.zst.enc";
    let (archive, index) = (read(name), read(&format!("{name}.index")));
    let manifest = Manifest::from_bytes(&read(&format!("{name}{}", Manifest::SUFFIX))).unwrap();
    assert_eq!(manifest.encryption.iterations, Some(5000));
    let mut identities = Identities::default();
    identities.add_passphrase(Zeroizing::new(String::from_utf8(read("passphrase.txt")).unwrap()));
    let key = || identities.unwrap(&manifest.encryption.keys).unwrap();
    let (data_key, mut revealed) = (key(), manifest.clone());
    let open = |bytes: &[u8], role| {
        SealedFile::open(bytes, bytes.len() as u64, role, |_| Ok(data_key.clone()))?.open_bytes(bytes)
    };
    let damage = |error: cadangkan_core::Error| assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error}");
    damage(open(&archive, FileRole::Archive).unwrap_err());
    revealed.reveal(&data_key).unwrap();
    let (archive, index) =
        (open(&archive, FileRole::Archive).unwrap(), open(&index, FileRole::Index).unwrap());
    let raw = read_by_index(&Index::read(index.as_slice()).unwrap(), &archive).unwrap();
    let checksum = std::fs::read_to_string(folder.join("statements.sql.checksum")).unwrap();
    assert_eq!(Checksum::of(&raw).to_string(), checksum.trim_end());
    // Who changes a file can write its checksum into the manifest, and a new seal, but not what is sealed.
    let mut forged = manifest.clone();
    forged.archive.checksum = Checksum::of(b"other");
    damage(forged.reveal(&key()).unwrap_err());
    let mut forged = manifest.clone();
    forged.index.checksum = Checksum::of(b"other");
    damage(forged.reveal(&key()).unwrap_err());
}
