//! The catalog is lost; the storage is enough.

use cadangkan_catalog::{BackupFilter, Catalog};
use cadangkan_ops::adopt::adopt;

use crate::support::{World, engine, fingerprints};

#[test]
fn the_catalog_comes_back_from_the_manifests() {
    let world = World::new();
    let expected = world.fingerprints();
    for _ in 0..3 {
        world.back_up().unwrap();
        world.clock.advance(3600);
    }
    let known = world.catalog.backups(&BackupFilter::default()).unwrap();
    let lost = World {
        catalog: Catalog::open(&world.folder.join("another.db")).unwrap(),
        ..World::open(&world.folder)
    };
    let report = lost.with_context(|context| adopt(context, lost.place())).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (3, 0));
    let adopted = lost.catalog.backups(&BackupFilter::default()).unwrap();
    let without_run = |records: Vec<cadangkan_catalog::BackupRecord>| {
        records
            .into_iter()
            .map(|record| cadangkan_catalog::BackupRecord { run: None, ..record })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_run(adopted), without_run(known));
    // Again is the same.
    assert_eq!(lost.with_context(|context| adopt(context, lost.place())).unwrap().adopted, 3);
    let target = lost.folder.join("restored.db");
    lost.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), expected);
}

#[test]
fn what_is_no_backup_is_refused_by_name_and_the_rest_adopted() {
    let world = World::new();
    for _ in 0..3 {
        world.back_up().unwrap();
        world.clock.advance(3600);
    }
    let files = world.files("backups");
    let manifests: Vec<_> =
        files.iter().filter(|path| path.to_string_lossy().ends_with(".meta.json")).collect();
    std::fs::write(manifests[0], "{}").unwrap();
    let archive = manifests[1].to_string_lossy().replace(".meta.json", "");
    std::fs::remove_file(archive).unwrap();
    let lost = World {
        catalog: Catalog::open(&world.folder.join("another.db")).unwrap(),
        ..World::open(&world.folder)
    };
    let report = lost.with_context(|context| adopt(context, lost.place())).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (1, 2), "{report:?}");
}
