//! Encrypted backups: what they show, what opens them, what they are good for without a key.

use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use cadangkan_archive::{
    Checksum, CipherKind, Identities, Kdf, Manifest, PrivateKey, Recipient, Recipients, Wrap,
};
use cadangkan_core::{ErrorKind, NoReporter, Result};
use cadangkan_engine::DumpRequest;
use cadangkan_ops::Place;
use cadangkan_ops::adopt::adopt;
use cadangkan_ops::backup::BackupRequest;
use cadangkan_ops::cleanup;
use cadangkan_ops::encrypt::{Encryption, Keys};
use cadangkan_ops::export::{Destination, ExportFormat, export};
use cadangkan_ops::rekey::{Change, rekey};
use cadangkan_ops::source::Source;
use cadangkan_ops::stored::preserve;
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_storage::{Key, Layer, Local, Storage};
use cadangkan_testkit::fake_engine::FakeServer;
use zeroize::Zeroizing;

use crate::servers::{Farm, content};
use crate::support::{World, engine, failure, fingerprints, request, restore_source};

/// Costs nothing, so that tests are quick.
pub(crate) const CHEAP: Kdf = Kdf::Argon2id { memory_kib: 64, passes: 1, lanes: 1 };
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

pub(crate) fn encrypted(hide_names: bool) -> BackupRequest {
    let passphrase = Recipient::Passphrase(Zeroizing::new(PASSPHRASE.to_owned()), CHEAP);
    encrypted_for(&[passphrase], hide_names)
}

pub(crate) fn encrypted_for(recipients: &[Recipient], hide_names: bool) -> BackupRequest {
    let recipients = Recipients::new(recipients).unwrap();
    let encryption = Encryption { cipher: CipherKind::Aes256Gcm, recipients, hide_names };
    let dump = DumpRequest { fingerprints: true, ..request().dump };
    BackupRequest { dump, encryption: Some(encryption), ..request() }
}

pub(crate) fn knowing(passphrase: &str) -> Identities {
    let mut keys = Identities::default();
    keys.add_passphrase(Zeroizing::new(passphrase.to_owned()));
    keys
}

/// A world with one encrypted backup, and the passphrase.
fn world() -> World {
    let mut world = World::new();
    world.back_up_with(&encrypted(false)).unwrap();
    world.keys = knowing(PASSPHRASE);
    world
}

fn file(world: &World, ending: &str) -> std::path::PathBuf {
    world.files("backups").into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn it_comes_back_equal_and_shows_nothing_before() {
    let world = world();
    let names: Vec<_> = world.files("backups").iter().map(|path| path.display().to_string()).collect();
    let ends = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!(
        (names.len(), ends(".sqlite.zst.enc"), ends(".enc.index"), ends(".enc.meta.json")),
        (3, 1, 1, 1)
    );
    for path in world.files("backups") {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!holds(&bytes, &[0x28, 0xb5, 0x2f, 0xfd]), "{} shows a zstd frame", path.display());
        assert!(!holds(&bytes, PASSPHRASE.as_bytes()), "{}", path.display());
    }
    let target = world.folder.join("restored.db");
    let report = world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
    assert!(report.proofs.iter().any(|proof| proof.contains("pages read back equal")), "{:?}", report.proofs);
    world.verify(VerifyLevel::Read).unwrap();
}

#[test]
fn without_the_right_key_it_can_be_kept_and_compared_but_not_read() {
    let mut world = world();
    for keys in [Identities::default(), knowing("wrong passphrase")] {
        world.keys = keys;
        world.verify(VerifyLevel::Checksum).unwrap();
        let target = world.folder.join("restored.db");
        for error in [failure(world.verify(VerifyLevel::Read)), failure(world.restore_to(&target))] {
            assert_eq!(error.kind(), ErrorKind::WrongKey, "{error:?}");
            assert!(error.chain().concat().contains("a passphrase"), "{error:?}");
        }
        assert!(!target.exists());
        let id = world.catalog.newest_backup(&world.name, false).unwrap().unwrap().id;
        let good = world.catalog.newest_backup(&world.name, true).unwrap().map(|backup| backup.id);
        assert_eq!(good, Some(id), "a missing key says nothing about the backup");
    }
}

#[test]
fn the_keys_are_asked_once() {
    struct Counting(std::sync::Mutex<u32>);
    impl Keys for Counting {
        fn unlock(
            &self,
            database: Option<&cadangkan_core::Name>,
            wraps: &[Wrap],
        ) -> Result<cadangkan_archive::DataKey> {
            *self.0.lock().unwrap() += 1;
            assert_eq!(database.unwrap().as_str(), "shop");
            Identities::default().unwrap(wraps)
        }
    }
    let world = world();
    let keys = Counting(std::sync::Mutex::new(0));
    world.with_context(|context| {
        let context = cadangkan_ops::Context { keys: &keys, ..*context };
        let places = [world.place(), world.place()];
        let wanted = cadangkan_ops::source::Wanted::Newest;
        let error = failure(Source::stored(&context, &world.name, wanted, &places).map(drop));
        assert_eq!(error.kind(), ErrorKind::WrongKey);
    });
    assert_eq!(*keys.0.lock().unwrap(), 1);
}

#[test]
fn the_file_alone_is_enough_with_and_without_what_lies_beside() {
    let world = world();
    let (archive, alone) = (file(&world, ".enc"), world.folder.join("alone"));
    std::fs::copy(&archive, &alone).unwrap();
    for path in [alone, archive.clone()] {
        let target = world.folder.join("restored.db");
        world.with_context(|context| {
            let source = Source::file(&path, context).unwrap();
            restore_source(context, &source, &target).unwrap();
        });
        assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
        std::fs::remove_file(&target).unwrap();
    }
    std::fs::remove_file(file(&world, ".index")).unwrap();
    let target = world.folder.join("restored.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}

#[test]
fn a_manifest_that_denies_the_encryption_is_damage() {
    let world = world();
    let (archive, path) = (file(&world, ".enc"), file(&world, ".meta.json"));
    let mut manifest = Manifest::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    manifest.encryption = cadangkan_archive::EncryptionInfo::none();
    std::fs::write(&path, manifest.to_bytes().unwrap()).unwrap();
    let error = world.with_context(|context| failure(Source::file(&archive, context).map(drop)));
    assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error:?}");
    assert_eq!(failure(world.verify(VerifyLevel::Read)).kind(), ErrorKind::DamagedBackup);
    std::fs::remove_file(&path).unwrap();
    world.with_context(|context| Source::file(&archive, context).map(drop)).unwrap();
}

#[test]
fn damage_is_told_from_a_wrong_key_wherever_it_is() {
    let world = world();
    for ending in [".enc", ".index", ".meta.json"] {
        let path = file(&world, ending);
        let whole = std::fs::read(&path).unwrap();
        for position in [30, whole.len() / 2, whole.len() - 100] {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let error = failure(world.verify(VerifyLevel::Read));
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{ending} {position}: {error:?}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(failure(world.verify(VerifyLevel::Read)).kind(), ErrorKind::DamagedBackup);
        std::fs::write(&path, &whole).unwrap();
    }
    world.verify(VerifyLevel::Read).unwrap();
}

#[test]
fn a_table_is_restored_by_reading_its_bytes_and_side_files_are_encrypted() {
    let mut farm = Farm::new(200_000);
    farm.server.write_notes(b"who may do what");
    let report = farm.back_up_with(&NoReporter, &encrypted(false)).unwrap();
    farm.keys = knowing(PASSPHRASE);
    let side = &report.manifest.side_files[0];
    assert!(side.file.ends_with(".notes.txt.enc"), "{}", side.file);
    for object in farm.storage.list("").unwrap() {
        let path = farm.storage.local_path(&object.key).unwrap();
        assert!(!holds(&std::fs::read(path).unwrap(), b"who may do what"), "{}", object.key);
    }
    let restored = FakeServer::new();
    let whole = report.manifest.archive.raw_bytes;
    let done = farm.restore(&["wiki_1"], &restored).unwrap();
    assert!(done.raw_bytes < whole / 4, "{} of {whole}", done.raw_bytes);
    let expected = &content(&farm.server)["wiki"]["wiki_1"];
    assert_eq!(&content(&restored)["wiki"]["wiki_1"], expected);
    let all = FakeServer::new();
    farm.restore(&[], &all).unwrap();
    assert_eq!(content(&all), content(&farm.server));
}

fn stored_manifest(farm: &Farm) -> (String, Manifest) {
    let keys = farm.storage.list("").unwrap();
    let key = keys.into_iter().map(|object| object.key).find(|key| key.as_str().ends_with(".meta.json"));
    let bytes = std::fs::read(farm.storage.local_path(&key.unwrap()).unwrap()).unwrap();
    let manifest = Manifest::from_bytes(&bytes).unwrap();
    (String::from_utf8(bytes).unwrap(), manifest)
}

#[test]
fn the_manifest_tells_nothing_of_rows_and_on_request_no_names() {
    for hide_names in [false, true] {
        let mut farm = Farm::new(1000);
        farm.back_up_with(&NoReporter, &encrypted(hide_names)).unwrap();
        farm.keys = knowing(PASSPHRASE);
        let (text, manifest) = stored_manifest(&farm);
        assert!(manifest.objects.iter().all(|object| object.fingerprint.is_none()));
        assert_eq!(text.contains("wiki_1"), !hide_names);
        assert_eq!(manifest.encryption.cipher, "aes-256-gcm");
        assert!(manifest.encryption.plain_bytes < Some(manifest.archive.size_bytes));
        // What is hidden is there all the same.
        let restored = FakeServer::new();
        farm.restore(&["wiki_1"], &restored).unwrap();
        assert_eq!(content(&restored)["wiki"]["wiki_1"], content(&farm.server)["wiki"]["wiki_1"]);
        let mut revealed = manifest;
        revealed.reveal(&farm.keys.unwrap(&revealed.encryption.keys).unwrap()).unwrap();
        let rows = |name: &str| revealed.objects.iter().find(|object| object.name.name == name).unwrap();
        assert!(rows("wiki_1").fingerprint.is_some());
    }
}

#[test]
fn a_public_key_locks_out_the_host_that_made_the_backup() {
    let mut world = World::new();
    let private = PrivateKey::generate().unwrap();
    world.back_up_with(&encrypted_for(&[Recipient::PublicKey(private.public())], false)).unwrap();
    let target = world.folder.join("restored.db");
    let error = failure(world.restore_to(&target));
    assert_eq!(error.kind(), ErrorKind::WrongKey);
    assert!(error.chain().concat().contains(&private.public().to_string()), "{error:?}");
    world.keys.add_file(&private.to_text().unwrap()).unwrap();
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}

/// A storage that counts what is read of it.
struct Counting<'a>(&'a dyn Storage, AtomicU64);

impl Layer for Counting<'_> {
    fn inner(&self) -> &dyn Storage {
        self.0
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        // What was asked for counts: a server sends it, whether it is taken or not.
        let size = self.0.stat(key)?.map_or(0, |info| info.size);
        let range = range.unwrap_or(0..size);
        self.1.fetch_add(range.end.min(size).saturating_sub(range.start), Ordering::Relaxed);
        self.0.read(key, Some(range))
    }
}

#[test]
fn a_table_asks_for_no_byte_twice() {
    let mut farm = Farm::new(1_000_000);
    for request in [encrypted(false), request()] {
        farm.keys = Identities::default();
        let report = farm.back_up_with(&NoReporter, &request).unwrap().manifest;
        farm.keys = knowing(PASSPHRASE);
        let storage = Counting(&farm.storage, AtomicU64::new(0));
        let restored = FakeServer::new();
        farm.restore_from(&storage, &["wiki_1"], &restored).unwrap();
        assert_eq!(content(&restored)["wiki"]["wiki_1"], content(&farm.server)["wiki"]["wiki_1"]);
        // Its frames are small, and lie between those of others: more than all that lies there is too much. Besides: the
        // header, which is asked for as long as it may be, and the manifest.
        let most = report.archive.size_bytes + report.index.size_bytes + (512 << 10);
        let read = storage.1.into_inner();
        assert!(read <= most, "{read} bytes were asked for, of {most}");
        farm.clock.advance(1);
    }
}

#[test]
fn the_cipher_of_age_does_the_same() {
    let mut farm = Farm::new(100_000);
    farm.server.write_notes(b"who may do what");
    let private = PrivateKey::generate().unwrap();
    let mut request = encrypted_for(&[Recipient::PublicKey(private.public())], false);
    request.encryption.as_mut().unwrap().cipher = CipherKind::Age;
    let report = farm.back_up_with(&NoReporter, &request).unwrap();
    assert!(report.manifest.archive.file.ends_with(".zst.age"), "{}", report.manifest.archive.file);
    assert!(report.manifest.side_files[0].file.ends_with(".notes.txt.age"));
    let restored = FakeServer::new();
    assert_eq!(failure(farm.restore(&[], &restored)).kind(), ErrorKind::WrongKey);
    farm.keys.add_file(&private.to_text().unwrap()).unwrap();
    farm.restore(&["wiki_1"], &restored).unwrap();
    assert_eq!(content(&restored)["wiki"]["wiki_1"], content(&farm.server)["wiki"]["wiki_1"]);
    let all = FakeServer::new();
    farm.restore(&[], &all).unwrap();
    assert_eq!(content(&all), content(&farm.server));
}

/// A request whose backups `openssl enc` opens.
fn of_openssl() -> BackupRequest {
    let kdf = Kdf::Pbkdf2Sha256 { iterations: 1000 };
    let passphrase = Recipient::Passphrase(Zeroizing::new(PASSPHRASE.to_owned()), kdf);
    let mut request = encrypted_for(&[passphrase], false);
    request.encryption.as_mut().unwrap().cipher = CipherKind::OpenSsl;
    request
}

#[test]
fn the_cipher_of_openssl_does_the_same_and_its_keys_change() {
    let mut farm = Farm::new(100_000);
    farm.server.write_notes(b"who may do what");
    let report = farm.back_up_with(&NoReporter, &of_openssl()).unwrap();
    assert!(report.manifest.archive.file.ends_with(".zst.enc"), "{}", report.manifest.archive.file);
    assert!(report.manifest.side_files[0].file.ends_with(".notes.txt.enc"));
    let restored = FakeServer::new();
    for keys in [Identities::default(), knowing("wrong passphrase")] {
        farm.keys = keys;
        assert_eq!(failure(farm.restore(&[], &restored)).kind(), ErrorKind::WrongKey);
    }
    farm.keys = knowing(PASSPHRASE);
    farm.restore(&["wiki_1"], &restored).unwrap();
    assert_eq!(content(&restored)["wiki"]["wiki_1"], content(&farm.server)["wiki"]["wiki_1"]);
    let all = FakeServer::new();
    farm.restore(&[], &all).unwrap();
    assert_eq!(content(&all), content(&farm.server));

    let private = PrivateKey::generate().unwrap();
    let recipients = Recipients::new(&[Recipient::PublicKey(private.public())]).unwrap();
    let locks = farm.folder.path().join("locks");
    let place = Place { name: &farm.name, storage: &farm.storage };
    let context = farm.context(&locks, &NoReporter);
    let report = rekey(&context, &farm.name, &[place], Change::Rotate(&recipients), false).unwrap();
    assert_eq!(report.changed.len(), 1);
    let all = FakeServer::new();
    assert_eq!(failure(farm.restore(&[], &all)).kind(), ErrorKind::WrongKey);
    farm.keys.add_file(&private.to_text().unwrap()).unwrap();
    farm.restore(&[], &all).unwrap();
    assert_eq!(content(&all), content(&farm.server));
}

/// Nothing in OpenSSL's form tells that a byte was changed; still none that was is restored.
#[test]
fn what_was_changed_in_openssls_form_is_refused_before_it_is_loaded() {
    let mut world = World::new();
    world.back_up_with(&of_openssl()).unwrap();
    world.keys = knowing(PASSPHRASE);
    let target = world.folder.join("restored.db");
    let damaged = |world: &World| {
        let error = failure(world.restore_to(&target));
        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error:?}");
        assert!(!target.exists());
    };
    let (archive, index, manifest) =
        (file(&world, ".enc"), file(&world, ".index"), file(&world, ".meta.json"));
    let write = |path: &std::path::Path, change: &dyn Fn(&mut Vec<u8>)| {
        let before = std::fs::read(path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        assert_ne!(bytes, before);
        std::fs::write(path, bytes).unwrap();
        before
    };
    let length = std::fs::metadata(&archive).unwrap().len() as usize;
    for with_index in [true, false] {
        for position in (0..length).step_by(length / 8) {
            let before = write(&archive, &|bytes| bytes[position] ^= 0x10);
            damaged(&world);
            std::fs::write(&archive, before).unwrap();
        }
        let before = write(&archive, &|bytes| {
            let block = bytes[32..48].to_vec();
            bytes.splice(48..64, block);
        });
        damaged(&world);
        // Who changes the archive can change what the manifest says of it, and its seal, but not what is sealed.
        let forged = Checksum::of(&std::fs::read(&archive).unwrap());
        let good = write(&manifest, &|bytes| {
            let mut manifest = Manifest::from_bytes(bytes).unwrap();
            manifest.archive.checksum = forged;
            *bytes = manifest.to_bytes().unwrap();
        });
        damaged(&world);
        write(&manifest, &|bytes| {
            let mut manifest = Manifest::from_bytes(bytes).unwrap();
            manifest.encryption.hidden = None;
            *bytes = manifest.to_bytes().unwrap();
        });
        damaged(&world);
        std::fs::write(&manifest, good).unwrap();
        std::fs::write(&archive, before).unwrap();
        if with_index {
            std::fs::remove_file(&index).unwrap();
        }
    }
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
    // Without its manifest it cannot be told from a changed one.
    std::fs::remove_file(&manifest).unwrap();
    let error = world.with_context(|context| failure(Source::file(&archive, context).map(drop)));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.advice().unwrap().contains("openssl enc -d"), "{error:?}");
}

#[test]
fn what_needs_no_key_works_without_one() {
    let mut world = world();
    world.keys = Identities::default();
    let id = world.catalog.newest_backup(&world.name, false).unwrap().unwrap().id;
    world.with_context(|context| {
        preserve(context, &world.name, id, &[world.place()], true).unwrap();
        world.catalog.forget_backup(&world.name, id, &world.storage_name).unwrap();
        assert_eq!(adopt(context, world.place()).unwrap().adopted, 1);
    });
    world.keys = knowing(PASSPHRASE);
    let target = world.folder.join("restored.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}

#[test]
fn an_export_is_not_encrypted_and_says_so_by_its_name() {
    let world = world();
    let out = Local::new(world.folder.join("out"));
    for (name, format) in [("shop.db", ExportFormat::Codec(plain())), ("shop.zip", ExportFormat::Zip)] {
        let key = Key::new(name).unwrap();
        let destination = Destination { storage: &out, key: &key, overwrite: false };
        world
            .source_of_newest(|context, source| {
                export(context, Some(&world.name), source, format, destination)
            })
            .unwrap();
    }
    assert_eq!(fingerprints(engine(&world.folder.join("out/shop.db")).as_ref()), world.fingerprints());
    let zip = std::fs::read(world.folder.join("out/shop.zip")).unwrap();
    assert!(holds(&zip, b".sqlite") && !holds(&zip, b".enc"));
}

fn plain() -> cadangkan_archive::Codec {
    cadangkan_archive::Codec::new(cadangkan_archive::CodecKind::None, None).unwrap()
}

#[test]
fn leftovers_of_encrypted_backups_are_found() {
    let world = world();
    std::fs::remove_file(file(&world, ".meta.json")).unwrap();
    let found = world
        .with_context(|context| cleanup::plan(context, world.database(), &[world.place()]).unwrap().items);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn no_passphrase_is_in_the_catalog() {
    let world = world();
    for name in ["catalog.db", "catalog.db-wal"] {
        let bytes = std::fs::read(world.folder.join(name)).unwrap_or_default();
        assert!(!holds(&bytes, PASSPHRASE.as_bytes()), "{name}");
    }
}
