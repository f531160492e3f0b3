//! What runs that died left behind: found, shown, removed.

use std::collections::BTreeSet;
use std::time::Duration;

use cadangkan_archive::{CipherKind, CodecKind};
use cadangkan_catalog::RunKind;
use cadangkan_core::{Leftover, Result, ResultExt};
use cadangkan_engine::{Descriptor, SideKind};
use cadangkan_storage::Key;
use serde::Serialize;
use serde_json::json;

use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX, database_folder};
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::{Context, Database, Place};

/// What `cleanup` would remove: what `--dry-run` prints.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CleanupPlan {
    /// Each with where it is.
    pub items: Vec<CleanupItem>,
}

/// One thing to remove.
#[derive(Clone, Debug, Serialize)]
pub struct CleanupItem {
    /// The storage it lies in; none when it lies beside the database.
    pub storage: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub leftover: Leftover,
    /// Whether it is a whole object under its own key, not a partial one.
    #[serde(skip)]
    object: Option<Key>,
}

/// Finds what runs of `database` that died left in `places` and beside the database.
///
/// Takes the database's lock for as long as it looks, since only then no run is at work there; fails with
/// `Locked` otherwise.
pub fn plan(context: &Context<'_>, database: Database<'_>, places: &[Place<'_>]) -> Result<CleanupPlan> {
    let _lock = context.lock(database.name, Duration::ZERO)?;
    find(context, database, places)
}

/// Removes what [`plan`] finds, and returns it.
pub fn cleanup(context: &Context<'_>, database: Database<'_>, places: &[Place<'_>]) -> Result<CleanupPlan> {
    let _lock = context.lock(database.name, Duration::ZERO)?;
    reap_database(context, database.name)?;
    let description = RunDescription {
        kind: RunKind::Cleanup,
        database: Some(database.name),
        trigger: "manual",
        options: json!({}),
    };
    record(context, &description, |context, _| {
        let plan = find(context, database, places)?;
        for item in &plan.items {
            context.control.check()?;
            remove(database, places, item)
                .context("leftover", &item.leftover.location)
                .hint("remove it by hand, or run `cadangkan cleanup` again")?;
        }
        Ok(Outcome::completed(plan, None))
    })
}

fn find(context: &Context<'_>, database: Database<'_>, places: &[Place<'_>]) -> Result<CleanupPlan> {
    let mut items = Vec::new();
    for place in places {
        let storage = Some(place.name.to_string());
        let folder = database_folder(database.name);
        let partial = place.storage.leftovers(&folder).context("storage", place.name)?;
        items.extend(partial.into_iter().map(|leftover| CleanupItem {
            storage: storage.clone(),
            leftover,
            object: None,
        }));
        for (key, leftover) in orphans(*place, &folder, database.engine.descriptor())? {
            items.push(CleanupItem { storage: storage.clone(), leftover, object: Some(key) });
        }
    }
    let beside = database.engine.leftovers(&context.control)?;
    items.extend(beside.into_iter().map(|leftover| CleanupItem { storage: None, leftover, object: None }));
    Ok(CleanupPlan { items })
}

/// Archives, indexes and side files without a manifest: no backup, whatever they hold.
///
/// Only what is named and placed as a backup of this engine would be; other files are somebody else's.
fn orphans(place: Place<'_>, folder: &str, engine: &Descriptor) -> Result<Vec<(Key, Leftover)>> {
    let objects = place.storage.list(folder).context("storage", place.name)?;
    let archives = objects.iter().filter_map(|object| object.key.as_str().strip_suffix(MANIFEST_SUFFIX));
    let archives: BTreeSet<_> = archives.map(str::to_owned).collect();
    let bases: BTreeSet<_> = archives.iter().map(|archive| base(archive, engine.extension)).collect();
    let mut found = Vec::new();
    for object in &objects {
        let key = object.key.as_str();
        let archive = key.strip_suffix(INDEX_SUFFIX).unwrap_or(key);
        let is_of_backup = archives.contains(archive)
            || side_base(key, engine.side_files).is_some_and(|base| bases.contains(&Some(base)));
        if !is_of_backup && is_ours(archive, engine) {
            let leftover = Leftover {
                location: object.key.to_string(),
                description: "archive, index or side file without a manifest, so no backup".to_owned(),
                size_bytes: object.size,
            };
            found.push((object.key.clone(), leftover));
        }
    }
    Ok(found)
}

/// Tells whether a key is `<database>/<yyyy>/<mm>/<base>` with an ending of an archive or of a side file.
fn is_ours(key: &str, engine: &Descriptor) -> bool {
    let digits =
        |segment: &str, count| segment.len() == count && segment.bytes().all(|byte| byte.is_ascii_digit());
    let [_, year, month, _] = key.split('/').collect::<Vec<_>>()[..] else { return false };
    let is_named = base(key, engine.extension).or_else(|| side_base(key, engine.side_files)).is_some();
    digits(year, 4) && digits(month, 2) && is_named
}

/// What stands before `.<extension>[.<codec>][.<cipher>]` in the key of an archive.
fn base<'a>(archive: &'a str, extension: &str) -> Option<&'a str> {
    let archive = without_cipher(archive);
    let plain = CodecKind::ALL.iter().find_map(|codec| archive.strip_suffix(&dotted(codec.extension())));
    plain.unwrap_or(archive).strip_suffix(&dotted(extension))
}

/// What stands before the ending of a side file.
fn side_base<'a>(key: &'a str, kinds: &[SideKind]) -> Option<&'a str> {
    let key = without_cipher(key);
    kinds.iter().find_map(|kind| key.strip_suffix(&dotted(kind.ending)))
}

fn without_cipher(key: &str) -> &str {
    let extension = CipherKind::extension_of(key);
    extension.and_then(|extension| key.strip_suffix(&dotted(extension))).unwrap_or(key)
}

fn dotted(extension: &str) -> String {
    format!(".{extension}")
}

fn remove(database: Database<'_>, places: &[Place<'_>], item: &CleanupItem) -> Result<()> {
    let place = places.iter().find(|place| Some(place.name.as_str()) == item.storage.as_deref());
    match (place, &item.object) {
        // By now it may be a backup of another machine.
        (Some(place), Some(key)) if has_manifest(*place, key)? => Ok(()),
        (Some(place), Some(key)) => place.storage.delete(key),
        (Some(place), None) => place.storage.discard(&item.leftover),
        (None, _) => database.engine.discard(&item.leftover),
    }
}

/// Tells whether an archive or index has a manifest.
fn has_manifest(place: Place<'_>, key: &Key) -> Result<bool> {
    let archive = Key::new(key.as_str().strip_suffix(INDEX_SUFFIX).unwrap_or(key.as_str()))?;
    Ok(place.storage.stat(&archive.with_suffix(MANIFEST_SUFFIX)?)?.is_some())
}

#[cfg(test)]
mod tests {
    use cadangkan_testkit::FAKE;

    use super::*;

    #[test]
    fn only_what_a_backup_is_made_of_is_taken_for_ours() {
        for ours in [
            "shop/2026/01/a.fake.zst",
            "shop/2026/01/a.fake",
            "shop/2026/01/a.b.fake.gz",
            "shop/2026/01/a.notes.txt",
            "shop/2026/01/a.fake.zst.enc",
            "shop/2026/01/a.notes.txt.enc",
        ] {
            assert!(is_ours(ours, &FAKE), "{ours}");
        }
        for other in [
            "shop/notes.txt",
            "shop/2026/01/notes.txt",
            "shop/2026/01/a.fake.zst.meta.json",
            "shop/a.fake",
            "shop/26/01/a.fake",
            "shop/2026/01/02/a.fake",
            "shop/2026/01/a.sql.zst",
        ] {
            assert!(!is_ours(other, &FAKE), "{other}");
        }
    }
}
