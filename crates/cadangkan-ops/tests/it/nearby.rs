//! Archives of a storage elsewhere, brought to this machine for a restore, or kept there.

use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_ops::nearby::Nearby;
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_storage::{Key, Layer, Memory, Storage, WriteOptions};

use crate::encryption::{PASSPHRASE, encrypted, knowing};
use crate::support::{Messages, World, engine, failure, fingerprints, request, restore_source};

/// A storage elsewhere, which counts what is read of archives, and breaks off when it was told to.
#[derive(Clone)]
struct Far {
    memory: Memory,
    read: Arc<AtomicU64>,
    left: Arc<AtomicU64>,
}

struct Counted(Box<dyn Read + Send>, Far);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.1.left.load(Ordering::SeqCst)).unwrap());
        if wanted == 0 && !buffer.is_empty() {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        let count = self.0.read(&mut buffer[..wanted])?;
        self.1.read.fetch_add(count as u64, Ordering::SeqCst);
        self.1.left.fetch_sub(count as u64, Ordering::SeqCst);
        Ok(count)
    }
}

impl Layer for Far {
    fn inner(&self) -> &dyn Storage {
        &self.memory
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let reader = self.memory.read(key, range)?;
        let is_archive = ![".index", ".meta.json"].iter().any(|ending| key.as_str().ends_with(ending));
        Ok(if is_archive { Box::new(Counted(reader, self.clone())) } else { reader })
    }
}

impl Far {
    /// What was read of archives since the last time.
    fn read_since(&self) -> u64 {
        self.read.swap(0, Ordering::SeqCst)
    }

    fn archive(&self) -> (Key, Vec<u8>) {
        let objects = self.memory.list("").unwrap();
        let key = objects.into_iter().map(|object| object.key).find(|key| !key.as_str().contains(".zst."));
        let key = key.unwrap();
        let mut bytes = Vec::new();
        self.memory.read(&key, None).unwrap().read_to_end(&mut bytes).unwrap();
        (key, bytes)
    }
}

fn world() -> (World, Far) {
    let far = Far { memory: Memory::new(), read: Arc::default(), left: Arc::new(AtomicU64::new(u64::MAX)) };
    let world = World { storage: Arc::new(far.clone()), ..World::new() };
    world.back_up().unwrap();
    far.read_since();
    (world, far)
}

/// Restores the newest backup with what is nearby, and compares it with the database.
fn restored(world: &World, nearby: &Nearby) -> Result<()> {
    let path = world.folder.join("restored.db");
    let _ = std::fs::remove_file(&path);
    with_source(world, |context, source| {
        nearby.bring(context, source, true)?;
        restore_source(context, source, &path)?;
        nearby.end(source)
    })?;
    assert_eq!(fingerprints(engine(&path).as_ref()), world.fingerprints());
    Ok(())
}

fn with_source<T>(
    world: &World,
    work: impl FnOnce(&cadangkan_ops::Context<'_>, &mut Source<'_>) -> Result<T>,
) -> Result<T> {
    world.with_context(|context| {
        let places = [world.place()];
        let mut source = Source::stored(context, &world.name, Wanted::Newest, &places)?;
        work(context, &mut source)
    })
}

fn cache(world: &World, most: u64) -> Nearby {
    Nearby::cache(world.folder.join("cache"), most)
}

fn kept(world: &World) -> Vec<PathBuf> {
    world.files("cache")
}

#[test]
fn a_second_restore_reads_nothing_of_the_storage() {
    let (world, far) = world();
    let (cache, (_, bytes)) = (cache(&world, 1 << 30), far.archive());
    restored(&world, &cache).unwrap();
    assert_eq!(far.read_since(), bytes.len() as u64);
    for _ in 0..2 {
        restored(&world, &cache).unwrap();
        assert_eq!(far.read_since(), 0);
    }
    let [file] = &kept(&world)[..] else { panic!("{:?}", kept(&world)) };
    assert!(std::fs::read(file).unwrap() == bytes);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_encrypted_stays_so_here() {
    let (mut world, far) = world();
    world.clock.advance(60);
    world.back_up_with(&encrypted(false)).unwrap();
    world.keys = knowing(PASSPHRASE);
    let cache = cache(&world, 1 << 30);
    restored(&world, &cache).unwrap();
    far.read_since();
    restored(&world, &cache).unwrap();
    // What opens it is read where it lies.
    assert!(far.read_since() < 64 << 10);
    let [file] = &kept(&world)[..] else { panic!("{:?}", kept(&world)) };
    assert!(!std::fs::read(file).unwrap().windows(4).any(|window| window == [0x28, 0xb5, 0x2f, 0xfd]));
}

#[test]
fn a_damaged_file_is_found_and_fetched_anew() {
    let (world, far) = world();
    let (cache, (_, bytes)) = (cache(&world, 1 << 30), far.archive());
    restored(&world, &cache).unwrap();
    let file = kept(&world).remove(0);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let longer = [bytes.clone(), vec![0]].concat();
    for damaged in [flipped, longer, bytes[..bytes.len() - 1].to_vec(), Vec::new()] {
        std::fs::write(&file, damaged).unwrap();
        far.read_since();
        restored(&world, &cache).unwrap();
        assert_eq!(far.read_since(), bytes.len() as u64);
        assert!(std::fs::read(&file).unwrap() == bytes);
    }
}

#[test]
fn what_was_used_least_lately_goes_first() {
    let (world, far) = world();
    let size = far.archive().1.len() as u64;
    let room = cache(&world, 2 * size + size / 2);
    let mut used = Vec::new();
    for _ in 0..2 {
        world.clock.advance(60);
        restored(&world, &room).unwrap();
        used.push(kept(&world).into_iter().find(|file| !used.contains(file)).unwrap());
        world.fill(3000);
        world.clock.advance(60);
        world.back_up().unwrap();
    }
    // The first one is used again: the second one is now the older.
    let first = std::fs::File::open(&used[0]).unwrap();
    let newer = first.metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(1000);
    std::fs::OpenOptions::new().write(true).open(&used[0]).unwrap().set_modified(newer).unwrap();
    std::fs::write(world.folder.join("cache/not ours"), vec![0; 1000]).unwrap();
    restored(&world, &room).unwrap();
    let left = kept(&world);
    assert!(left.len() == 3 && left.contains(&used[0]) && !left.contains(&used[1]), "{left:?}");
    // Larger than all of the cache: it is read where it lies.
    far.read_since();
    restored(&world, &cache(&world, size / 2)).unwrap();
    assert_eq!(kept(&world), left);
}

#[test]
fn what_was_stopped_goes_on_where_it_was() {
    let (world, far) = world();
    let (key, bytes) = far.archive();
    let (half, stage) = (bytes.len() as u64 / 2, Nearby::stage(world.folder.join("cache")));
    far.left.store(half, Ordering::SeqCst);
    let failed = failure(restored(&world, &stage));
    assert!(failed.advice().unwrap().contains("goes on where"), "{failed:?}");
    assert_eq!(kept(&world).len(), 1);
    far.left.store(u64::MAX, Ordering::SeqCst);
    far.read_since();
    restored(&world, &stage).unwrap();
    assert_eq!(far.read_since(), bytes.len() as u64 - half);
    assert!(kept(&world).is_empty());
    // A begin that is something else is thrown away, and one that is too long.
    for begin in [vec![7; 1000], vec![7; bytes.len() + 10]] {
        far.left.store(half, Ordering::SeqCst);
        failure(restored(&world, &stage));
        std::fs::write(&kept(&world)[0], begin).unwrap();
        far.left.store(u64::MAX, Ordering::SeqCst);
        restored(&world, &stage).unwrap();
        assert!(kept(&world).is_empty());
    }
    // And when the storage's copy is another one, nothing of it stays.
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let mut writer = far.memory.begin_write(&key, options).unwrap();
    writer.write(&flipped).unwrap();
    writer.close().unwrap();
    for nearby in [stage, cache(&world, 1 << 30)] {
        assert_eq!(failure(restored(&world, &nearby)).kind(), ErrorKind::DamagedBackup);
        assert!(kept(&world).is_empty());
    }
}

#[test]
fn a_cache_that_cannot_be_used_is_done_without_and_a_stage_is_not() {
    let (world, far) = world();
    let bring = |nearby: &Nearby| -> Result<Vec<String>, Error> {
        let (warnings, locks) = (Messages::default(), world.folder.join("locks"));
        let (context, places) = (world.context(&warnings, &locks), [world.place()]);
        let mut source = Source::stored(&context, &world.name, Wanted::Newest, &places)?;
        nearby.bring(&context, &mut source, true)?;
        restore_source(&context, &source, &world.folder.join("restored.db"))?;
        std::fs::remove_file(world.folder.join("restored.db")).unwrap();
        Ok(warnings.0.into_inner().unwrap())
    };
    let told = |warnings: &[String]| warnings.iter().any(|text| text.contains("the cache is not used"));
    std::fs::write(world.folder.join("file"), "").unwrap();
    assert!(told(&bring(&Nearby::cache(world.folder.join("file/cache"), 1 << 30)).unwrap()));
    failure(bring(&Nearby::stage(world.folder.join("file/cache"))));
    // Somebody else is fetching it.
    far.left.store(100, Ordering::SeqCst);
    failure(restored(&world, &Nearby::stage(world.folder.join("cache"))));
    far.left.store(u64::MAX, Ordering::SeqCst);
    let partial = std::fs::File::open(&kept(&world)[0]).unwrap();
    partial.lock().unwrap();
    assert!(told(&bring(&cache(&world, 1 << 30)).unwrap()));
    let failed = failure(bring(&Nearby::stage(world.folder.join("cache"))));
    assert_eq!(failed.kind(), ErrorKind::Locked);
    drop(partial);
    assert!(!told(&bring(&cache(&world, 1 << 30)).unwrap()));
}

#[test]
fn a_cache_fetches_only_what_is_read_whole_and_a_local_storage_needs_none() {
    let (world, far) = world();
    let cache = cache(&world, 1 << 30);
    with_source(&world, |context, source| cache.bring(context, source, false)).unwrap();
    assert!(kept(&world).is_empty() && far.read_since() == 0);
    restored(&world, &cache).unwrap();
    far.read_since();
    with_source(&world, |context, source| {
        cache.bring(context, source, false)?;
        restore_source(context, source, &world.folder.join("again.db"))
    })
    .unwrap();
    assert_eq!(far.read_since(), 0);
    let local = World::new();
    local.back_up_with(&request()).unwrap();
    let stage = Nearby::stage(local.folder.join("cache"));
    restored(&local, &stage).unwrap();
    assert!(!local.folder.join("cache").exists());
}
