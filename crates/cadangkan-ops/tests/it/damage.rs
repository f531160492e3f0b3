//! Flipped bits and cut files: whatever happens to a stored backup, nobody is told that it is good.

use std::path::PathBuf;

use cadangkan_catalog::BackupStatus;
use cadangkan_core::ErrorKind;
use cadangkan_ops::verify::VerifyLevel;

use crate::support::{World, engine, failure, fingerprints};

/// A world with one small backup, and its files.
fn small() -> (World, Vec<(PathBuf, Vec<u8>)>) {
    let world = World::new();
    world.fill(100);
    world.back_up().unwrap();
    let files =
        world.files("backups").into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    (world, files)
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
fn numbers() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(2026_u64), |state| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|state| (state >> 33) as usize)
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let (world, files) = small();
    let mut numbers = numbers();
    let mut numbers = || numbers.next().unwrap();
    for (path, whole) in &files {
        let rounds = 1000 / files.len();
        for _ in 0..rounds {
            let (byte, bit) = (numbers() % whole.len(), numbers() % 8);
            let mut damaged = whole.clone();
            damaged[byte] ^= 1 << bit;
            std::fs::write(path, &damaged).unwrap();
            let error = failure(world.verify(VerifyLevel::Checksum));
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{path:?} byte {byte} bit {bit}: {error:?}");
        }
        std::fs::write(path, whole).unwrap();
        assert!(world.verify(VerifyLevel::Read).is_ok());
    }
}

#[test]
fn a_restore_from_damaged_files_gives_the_right_database_or_none() {
    let (world, files) = small();
    let expected = world.fingerprints();
    let mut numbers = numbers();
    let mut numbers = || numbers.next().unwrap();
    let target = world.folder.join("restored.db");
    let (mut refused, mut good) = (0, 0);
    for (path, whole) in &files {
        for _ in 0..40 {
            let mut damaged = whole.clone();
            let byte = numbers() % whole.len();
            damaged[byte] ^= 1 << (numbers() % 8);
            std::fs::write(path, &damaged).unwrap();
            match world.restore_to(&target) {
                // A lost index only costs speed.
                Ok(_) => {
                    assert_eq!(fingerprints(engine(&target).as_ref()), expected);
                    std::fs::remove_file(&target).unwrap();
                    good += 1;
                }
                Err(error) => {
                    assert!(!target.exists(), "{error:?}");
                    refused += 1;
                }
            }
        }
        std::fs::write(path, whole).unwrap();
    }
    assert!(refused >= 80 && good >= 30, "{refused} refused, {good} good");
}

#[test]
fn a_cut_file_is_noticed() {
    let (world, files) = small();
    let mut numbers = numbers();
    for (path, whole) in &files {
        let lengths: Vec<usize> = [0, 1, whole.len() - 1]
            .into_iter()
            .chain((0..30).map(|_| numbers.next().unwrap() % whole.len()))
            .collect();
        for length in lengths {
            std::fs::write(path, &whole[..length]).unwrap();
            let error = failure(world.verify(VerifyLevel::Read));
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{path:?} cut to {length}: {error:?}");
        }
        std::fs::write(path, whole).unwrap();
    }
}

#[test]
fn bytes_behind_the_end_are_noticed() {
    let (world, files) = small();
    for (path, whole) in &files {
        std::fs::write(path, [whole.as_slice(), b"x"].concat()).unwrap();
        assert_eq!(failure(world.verify(VerifyLevel::Checksum)).kind(), ErrorKind::DamagedBackup, "{path:?}");
        std::fs::write(path, whole).unwrap();
    }
}

#[test]
fn files_that_are_gone_are_noticed_and_listed() {
    let (world, files) = small();
    for (path, whole) in &files {
        std::fs::remove_file(path).unwrap();
        let error = failure(world.verify(VerifyLevel::Checksum));
        let status = world.catalog.newest_backup(&world.name, false).unwrap().unwrap().status;
        let manifest = path.to_string_lossy().ends_with(".meta.json");
        let expected = if manifest {
            (ErrorKind::NotFound, BackupStatus::Missing)
        } else {
            (ErrorKind::DamagedBackup, BackupStatus::Damaged)
        };
        assert_eq!((error.kind(), status), expected, "{path:?}");
        std::fs::write(path, whole).unwrap();
        world.verify(VerifyLevel::Checksum).unwrap();
    }
}

#[test]
fn a_manifest_under_another_name_is_refused() {
    let (world, files) = small();
    let manifest = files.iter().find(|(path, _)| path.to_string_lossy().ends_with(".meta.json")).unwrap();
    world.clock.advance(60);
    world.back_up().unwrap();
    let newer = world
        .files("backups")
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".meta.json") && *path != manifest.0)
        .unwrap();
    std::fs::write(newer, &manifest.1).unwrap();
    assert_eq!(failure(world.verify(VerifyLevel::Checksum)).kind(), ErrorKind::DamagedBackup);
}
