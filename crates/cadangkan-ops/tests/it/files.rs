//! A file alone is enough; and exports.

use cadangkan_archive::{Codec, CodecKind};
use cadangkan_core::ErrorKind;
use cadangkan_ops::backup::BackupRequest;
use cadangkan_ops::export::{Destination, ExportFormat, export};
use cadangkan_ops::source::Source;
use cadangkan_storage::{Key, Local, Storage};

use crate::support::{World, engine, failure, fingerprints, request, restore_source};

#[test]
fn restores_from_the_archive_alone() {
    let world = World::new();
    for kind in CodecKind::ALL {
        world.clock.advance(1);
        let codec = Codec::new(kind, None).unwrap();
        let report = world.back_up_with(&BackupRequest { codec, ..request() }).unwrap();
        let alone = world.folder.join(format!("alone-{kind}"));
        let stored = world
            .files("backups")
            .into_iter()
            .find(|path| path.ends_with(&report.manifest.archive.file))
            .unwrap();
        std::fs::copy(stored, &alone).unwrap();
        let target = world.folder.join(format!("restored-{kind}.db"));
        world.with_context(|context| {
            let source = Source::file(&alone, context).unwrap();
            assert!(source.manifest().is_none());
            restore_source(context, &source, &target).unwrap();
        });
        assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints(), "{kind}");
    }
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    let world = World::new();
    world.fill(300);
    for kind in CodecKind::ALL {
        world.clock.advance(1);
        let codec = Codec::new(kind, None).unwrap();
        let report = world.back_up_with(&BackupRequest { codec, ..request() }).unwrap();
        let stored = world
            .files("backups")
            .into_iter()
            .find(|path| path.ends_with(&report.manifest.archive.file))
            .unwrap();
        let whole = std::fs::read(stored).unwrap();
        for part in 0..20 {
            let alone = world.folder.join("cut");
            std::fs::write(&alone, &whole[..whole.len() * part / 20]).unwrap();
            let target = world.folder.join("restored.db");
            let error = world.with_context(|context| {
                let source = Source::file(&alone, context).unwrap();
                failure(restore_source(context, &source, &target))
            });
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{kind} {part}: {error:?}");
            assert!(!target.exists(), "{kind} {part}");
        }
    }
}

#[test]
fn exports_are_the_same_database() {
    let world = World::new();
    world.back_up().unwrap();
    let out = Local::new(world.folder.join("out"));
    let formats = CodecKind::ALL
        .iter()
        .map(|kind| (kind.to_string(), ExportFormat::Codec(Codec::new(*kind, None).unwrap())));
    for (name, format) in formats {
        let key = Key::new(format!("shop-{name}")).unwrap();
        let destination = Destination { storage: &out, key: &key, overwrite: false };
        world
            .source_of_newest(|context, source| {
                export(context, Some(&world.name), source, format, destination)
            })
            .unwrap();
        let target = world.folder.join(format!("from-{name}.db"));
        world.with_context(|context| {
            let source = Source::file(&out.local_path(&key).unwrap(), context).unwrap();
            restore_source(context, &source, &target).unwrap();
        });
        assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints(), "{name}");
        let again = world.source_of_newest(|context, source| {
            export(context, Some(&world.name), source, format, destination)
        });
        assert_eq!(failure(again).kind(), ErrorKind::Conflict);
    }
}

#[test]
fn a_zip_file_opens_with_stock_tools() {
    let world = World::new();
    world.back_up().unwrap();
    let out = Local::new(world.folder.join("out"));
    let key = Key::new("shop.zip").unwrap();
    let destination = Destination { storage: &out, key: &key, overwrite: false };
    world
        .source_of_newest(|context, source| export(context, None, source, ExportFormat::Zip, destination))
        .unwrap();
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; [n] = z.namelist(); open(sys.argv[2], 'wb').write(z.read(n)); print(n)";
    let target = world.folder.join("unzipped.db");
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(out.local_path(&key).unwrap())
        .arg(&target)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).trim().ends_with(".sqlite"));
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}
