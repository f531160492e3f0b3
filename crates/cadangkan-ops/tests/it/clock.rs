//! A clock that is set back.

use cadangkan_catalog::BackupFilter;
use cadangkan_ops::backup::backup;
use cadangkan_ops::stored::delete;
use cadangkan_ops::verify::VerifyLevel;

use crate::support::{Messages, World, engine, fingerprints, request};

#[test]
fn a_clock_set_back_loses_no_backup() {
    let world = World::new();
    let first = world.back_up().unwrap().manifest.backup_id;
    world.clock.advance(-86_400);
    world.fill(50);
    let second = world.back_up().unwrap().manifest;
    assert!(second.backup_id < first, "the id says what the clock said");
    assert!(second.duration_seconds >= 0.0);
    // Back to the very second of the first one.
    world.clock.advance(86_400);
    let third = world.back_up().unwrap().manifest.backup_id;
    assert_eq!(third.to_string(), format!("{first}-2"));
    assert_eq!(world.catalog.count_backups(&BackupFilter::default()).unwrap().0, 3);
    for backup in world.catalog.backups(&BackupFilter::default()).unwrap() {
        world
            .with_context(|context| {
                cadangkan_ops::verify::verify(
                    context,
                    &world.name,
                    backup.id,
                    world.place(),
                    VerifyLevel::Read,
                )
            })
            .unwrap();
    }
    let target = world.folder.join("restored.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}

#[test]
fn the_id_of_a_deleted_backup_does_not_come_again_while_later_ones_of_its_second_are_there() {
    let world = World::new();
    let [first, second] = [(); 2].map(|()| world.back_up().unwrap().manifest.backup_id);
    world.with_context(|context| delete(context, &world.name, first, &[world.place()])).unwrap();
    let heard = Messages::default();
    let locks = world.folder.join("locks");
    let third = backup(&world.context(&heard, &locks), world.database(), &[world.place()], &request());
    assert_eq!(third.unwrap().manifest.backup_id, second.next());
    assert!(!heard.0.lock().unwrap().iter().any(|text| text.contains("clock")));
}
