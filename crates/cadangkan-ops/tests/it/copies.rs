//! One database with copies in several storages.

use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::Place;
use cadangkan_ops::backup::backup;
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::verify::{VerifyLevel, verify};
use cadangkan_storage::{Local, Storage};

use crate::support::{World, failure, request};

struct Two {
    world: World,
    usb_name: Name,
    usb: Arc<dyn Storage>,
}

impl Two {
    fn new() -> Self {
        let world = World::new();
        let usb = Arc::new(Local::new(world.folder.join("usb")));
        Two { world, usb_name: Name::new("usb").unwrap(), usb }
    }

    fn places(&self) -> [Place<'_>; 2] {
        [self.world.place(), Place { name: &self.usb_name, storage: self.usb.as_ref() }]
    }

    fn back_up(&self, places: &[Place<'_>]) -> cadangkan_core::BackupId {
        self.world.clock.advance(60);
        let made =
            self.world.with_context(|context| backup(context, self.world.database(), places, &request()));
        made.unwrap().manifest.backup_id
    }

    /// What a restore of the newest would read: its id, and where from.
    fn newest(&self, with_catalog: bool) -> Result<(String, String)> {
        self.world.with_context(|context| {
            let catalog = context.catalog.filter(|_| with_catalog);
            let context = cadangkan_ops::Context { catalog, ..*context };
            let places = self.places();
            let source = Source::stored(&context, &self.world.name, Wanted::Newest, &places)?;
            let manifest = source.manifest().ok_or_else(|| Error::new(ErrorKind::Internal, "no manifest"))?;
            Ok((manifest.backup_id.to_string(), source.location()))
        })
    }
}

#[test]
fn the_newest_is_the_newest_of_all_storages() {
    let two = Two::new();
    two.back_up(&two.places());
    let newest = two.back_up(&two.places()[1..]);
    for with_catalog in [true, false] {
        let (id, location) = two.newest(with_catalog).unwrap();
        assert_eq!(id, newest.to_string());
        assert!(location.ends_with("/usb"), "{location}");
    }
}

#[test]
fn a_copy_known_as_damaged_is_passed_over() {
    let two = Two::new();
    let id = two.back_up(&two.places());
    let archive = two.world.archive();
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let checked = two.world.with_context(|context| {
        verify(context, &two.world.name, id, two.world.place(), VerifyLevel::Checksum)
    });
    assert_eq!(failure(checked).kind(), ErrorKind::DamagedBackup);
    assert!(two.newest(true).unwrap().1.ends_with("/usb"));
    // One that is gone is passed over without being known.
    std::fs::remove_file(archive).unwrap();
    assert!(two.newest(false).unwrap().1.ends_with("/usb"));
}

#[test]
fn the_folder_of_a_disk_that_is_not_mounted_is_not_made() {
    let two = Two::new();
    two.back_up(&two.places());
    std::fs::rename(two.world.folder.join("usb"), two.world.folder.join("elsewhere")).unwrap();
    let made = two
        .world
        .with_context(|context| backup(context, two.world.database(), &two.places()[1..], &request()));
    let error = failure(made);
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.advice().unwrap().contains("mount"), "{error:?}");
    // The other storage gets its copy all the same.
    let made =
        two.world.with_context(|context| backup(context, two.world.database(), &two.places(), &request()));
    let report = made.unwrap();
    assert_eq!((report.copies.len(), report.failed_copies[0].code), (1, "unreachable"));
    assert!(report.failed_copies[0].hint.as_deref().unwrap().contains("mount"));
    assert!(!two.world.folder.join("usb").exists());
    std::fs::rename(two.world.folder.join("elsewhere"), two.world.folder.join("usb")).unwrap();
    two.back_up(&two.places());
}
