//! What is taken for a leftover, and what is not.

use cadangkan_ops::cleanup::{cleanup, plan};
use cadangkan_ops::verify::VerifyLevel;

use crate::support::World;

#[test]
fn only_our_own_leftovers_are_removed() {
    let world = World::new();
    world.back_up().unwrap();
    let archive = world.archive();
    let folder = archive.parent().unwrap();
    let orphan = folder.join("shop_manual_20260101_000000_abcdef.sqlite.zst");
    let partial = folder.join("shop_manual_20260101_000000_fedcba.sqlite.zst.1-1.partial");
    let foreign = [
        folder.join("notes.txt"),
        world.folder.join("backups/shop/readme.sqlite"),
        world.folder.join("backups/other.partial"),
    ];
    for path in foreign.iter().chain([&orphan, &partial]) {
        std::fs::write(path, "bytes").unwrap();
    }
    let planned = world.with_context(|context| plan(context, world.database(), &[world.place()])).unwrap();
    assert!(
        planned.items.iter().any(|item| item.leftover.location.ends_with("abcdef.sqlite.zst")),
        "{planned:?}"
    );
    assert!(orphan.exists(), "a plan changes nothing");
    let done = world.with_context(|context| cleanup(context, world.database(), &[world.place()])).unwrap();
    assert_eq!(done.items.len(), planned.items.len());
    assert!(!orphan.exists());
    assert!(foreign.iter().all(|path| path.exists()));
    world.verify(VerifyLevel::Read).unwrap();
}
