//! Who may open backups changes; the archives do not.

use cadangkan_archive::{Kdf, KeyFile, PrivateKey, Recipient, Recipients};
use cadangkan_core::{ErrorKind, Event, Name, Reporter};
use cadangkan_ops::Place;
use cadangkan_ops::rekey::{Change, RekeyReport, holders, rekey};
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_storage::Local;
use zeroize::Zeroizing;

use crate::encryption::{CHEAP, PASSPHRASE, encrypted, encrypted_for, knowing};
use crate::support::{World, failure, request};

fn passphrase(text: &str) -> Recipients {
    Recipients::new(&[Recipient::Passphrase(Zeroizing::new(text.to_owned()), CHEAP)]).unwrap()
}

/// Three encrypted backups, one that is not, and the passphrase.
fn world() -> World {
    let mut world = World::new();
    for _ in 0..3 {
        world.back_up_with(&encrypted(false)).unwrap();
        world.clock.advance(1);
    }
    world.back_up_with(&request()).unwrap();
    world.clock.advance(1);
    world.back_up_with(&encrypted(false)).unwrap();
    world.keys = knowing(PASSPHRASE);
    world
}

struct StopAfter<'a>(&'a World, u64);
impl Reporter for StopAfter<'_> {
    fn report(&self, event: &Event<'_>) {
        if matches!(event, Event::Progress(progress) if progress.objects >= self.1) {
            self.0.cancel.cancel();
        }
    }
}

fn change(world: &World, change: Change<'_>) -> cadangkan_core::Result<RekeyReport> {
    world.with_context(|context| rekey(context, &world.name, &[world.place()], change, false))
}

fn opens(world: &mut World, keys: cadangkan_archive::Identities) -> bool {
    world.keys = keys;
    match world.verify(VerifyLevel::Read) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WrongKey, "{error:?}");
            false
        }
    }
}

#[test]
fn a_rotation_is_of_all_backups_and_asks_nothing_twice() {
    let mut world = world();
    let archives: Vec<_> =
        world.files("backups").iter().map(|path| std::fs::read(path).unwrap().len()).collect();
    let new = passphrase("a newer and longer passphrase");
    let dry = world
        .with_context(|context| rekey(context, &world.name, &[world.place()], Change::Rotate(&new), true))
        .unwrap();
    assert_eq!((dry.changed.len(), dry.plain), (4, 1));
    assert!(opens(&mut world, knowing(PASSPHRASE)), "a dry run changes nothing");
    let done = change(&world, Change::Rotate(&new)).unwrap();
    assert_eq!((done.changed.len(), done.unchanged, done.plain, done.failed.len()), (4, 0, 1, 0));
    assert!(!opens(&mut world, knowing(PASSPHRASE)));
    assert!(opens(&mut world, knowing("a newer and longer passphrase")));
    let again = change(&world, Change::Rotate(&new)).unwrap();
    assert_eq!((again.changed.len(), again.unchanged), (0, 4));
    assert_eq!(world.files("backups").len(), archives.len());
    // What it costs to guess is changed as well.
    let kdf = Kdf::Pbkdf2Sha256 { iterations: 2000 };
    let costlier = Recipient::Passphrase(Zeroizing::new("a newer and longer passphrase".to_owned()), kdf);
    let costlier = Recipients::new(&[costlier]).unwrap();
    assert_eq!(change(&world, Change::Rotate(&costlier)).unwrap().changed.len(), 4);
}

#[test]
fn a_rotation_that_was_stopped_goes_on() {
    let world = world();
    let new = passphrase("a newer and longer passphrase");
    let locks = world.folder.join("locks");
    let reporter = StopAfter(&world, 2);
    let context = world.context(&reporter, &locks);
    let stopped = failure(rekey(&context, &world.name, &[world.place()], Change::Rotate(&new), false));
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    let folder = world.folder.clone();
    let mut again = World::open(&folder);
    again.keys = knowing(PASSPHRASE);
    let done = change(&again, Change::Rotate(&new)).unwrap();
    assert_eq!((done.changed.len(), done.unchanged), (2, 2));
    assert!(opens(&mut again, knowing("a newer and longer passphrase")));
}

#[test]
fn keys_are_added_and_taken_away_but_never_the_last_one() {
    let mut world = world();
    let (private, file) = (PrivateKey::generate().unwrap(), KeyFile::generate().unwrap());
    let more = [Recipient::PublicKey(private.public()), Recipient::KeyFile(file.clone())];
    let more = Recipients::new(&more).unwrap();
    let added = change(&world, Change::Add(&more)).unwrap();
    assert_eq!(added.changed.len(), 4);
    assert_eq!(added.changed[0].opens_with.len(), 3);
    assert_eq!(change(&world, Change::Add(&more)).unwrap().unchanged, 4);
    let having = |text: &str| {
        let mut keys = cadangkan_archive::Identities::default();
        keys.add_file(text).unwrap();
        keys
    };
    assert!(opens(&mut world, having(&private.to_text().unwrap())));
    assert!(opens(&mut world, having(&file.to_text())));
    assert_eq!(change(&world, Change::Remove(&passphrase(PASSPHRASE))).unwrap().changed.len(), 4);
    assert!(!opens(&mut world, knowing(PASSPHRASE)));
    let last = change(&world, Change::Remove(&more)).unwrap();
    assert_eq!((last.changed.len(), last.failed.len()), (0, 4));
    assert!(opens(&mut world, having(&file.to_text())));
}

#[test]
fn what_cannot_be_opened_is_named_and_the_rest_is_done() {
    let mut world = World::new();
    world.back_up_with(&encrypted(false)).unwrap();
    world.clock.advance(1);
    let other = PrivateKey::generate().unwrap();
    world.back_up_with(&encrypted_for(&[Recipient::PublicKey(other.public())], false)).unwrap();
    world.keys = knowing(PASSPHRASE);
    let done = change(&world, Change::Rotate(&passphrase("a newer and longer passphrase"))).unwrap();
    assert_eq!((done.changed.len(), done.failed.len()), (1, 1));
    assert_eq!(done.failed[0].1.kind(), ErrorKind::WrongKey);
}

#[test]
fn a_storage_that_is_away_does_not_keep_the_others_from_it() {
    let world = world();
    let away = Local::new(world.folder.join("away"));
    let name = Name::new("away").unwrap();
    let places = [Place { name: &name, storage: &away }, world.place()];
    let new = passphrase("a newer and longer passphrase");
    let done = world
        .with_context(|context| rekey(context, &world.name, &places, Change::Rotate(&new), false))
        .unwrap();
    assert_eq!((done.changed.len(), done.failed.len(), done.away.len()), (4, 0, 1));
    assert_eq!((done.away[0].0.as_str(), done.away[0].1.kind()), ("away", ErrorKind::Unreachable));
    let listed = world.with_context(|context| holders(context, &world.name, &places)).unwrap();
    assert_eq!(listed.len(), 5);
    let none = world.with_context(|context| holders(context, &world.name, &places[..1]));
    assert_eq!(failure(none).kind(), ErrorKind::Unreachable);
}

#[test]
fn what_was_changed_before_a_stop_is_in_the_record_of_changes() {
    let world = world();
    let new = passphrase("a newer and longer passphrase");
    let locks = world.folder.join("locks");
    let reporter = StopAfter(&world, 2);
    let context = world.context(&reporter, &locks);
    failure(rekey(&context, &world.name, &[world.place()], Change::Rotate(&new), false));
    let told = world.catalog.audit_entries(10).unwrap();
    assert!(told.iter().any(|entry| entry.subject == "shop, 2 backups"), "{told:?}");
}
