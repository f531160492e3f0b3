//! What runs that died left behind: found, shown, removed.

use std::collections::BTreeSet;
use std::time::Duration;

use cadangkan_archive::CodecKind;
use cadangkan_catalog::RunKind;
use cadangkan_core::{Leftover, Result, ResultExt};
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
        for (key, leftover) in orphans(*place, &folder, database.engine.descriptor().extension)? {
            items.push(CleanupItem { storage: storage.clone(), leftover, object: Some(key) });
        }
    }
    let beside = database.engine.leftovers(&context.control)?;
    items.extend(beside.into_iter().map(|leftover| CleanupItem { storage: None, leftover, object: None }));
    Ok(CleanupPlan { items })
}

/// Archives and indexes without a manifest: no backup, whatever they hold.
///
/// Only what is named and placed as a backup of this engine would be; other files are somebody else's.
fn orphans(place: Place<'_>, folder: &str, extension: &str) -> Result<Vec<(Key, Leftover)>> {
    let objects = place.storage.list(folder).context("storage", place.name)?;
    let keys: BTreeSet<_> = objects.iter().map(|object| object.key.as_str().to_owned()).collect();
    let mut found = Vec::new();
    for object in objects {
        let archive = object.key.as_str().strip_suffix(INDEX_SUFFIX).unwrap_or(object.key.as_str());
        if is_archive_name(archive, extension) && !keys.contains(&format!("{archive}{MANIFEST_SUFFIX}")) {
            let leftover = Leftover {
                location: object.key.to_string(),
                description: "archive or index without a manifest, so no backup".to_owned(),
                size_bytes: object.size,
            };
            found.push((object.key, leftover));
        }
    }
    Ok(found)
}

/// Tells whether a key is `<database>/<yyyy>/<mm>/<base>.<extension>[.<codec>]`.
fn is_archive_name(key: &str, extension: &str) -> bool {
    let digits =
        |segment: &str, count| segment.len() == count && segment.bytes().all(|byte| byte.is_ascii_digit());
    let [_, year, month, name] = key.split('/').collect::<Vec<_>>()[..] else { return false };
    let ending = CodecKind::ALL.iter().find_map(|codec| name.strip_suffix(&dotted(codec.extension())));
    digits(year, 4) && digits(month, 2) && ending.unwrap_or(name).ends_with(&dotted(extension))
}

fn dotted(extension: &str) -> String {
    format!(".{extension}")
}

fn remove(database: Database<'_>, places: &[Place<'_>], item: &CleanupItem) -> Result<()> {
    let place = places.iter().find(|place| Some(place.name.as_str()) == item.storage.as_deref());
    match (place, &item.object) {
        (Some(place), Some(key)) => place.storage.delete(key),
        (Some(place), None) => place.storage.discard(&item.leftover),
        (None, _) => database.engine.discard(&item.leftover),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_archives_are_taken_for_archives() {
        for ours in ["shop/2026/01/a.sqlite.zst", "shop/2026/01/a.sqlite", "shop/2026/01/a.b.sqlite.gz"] {
            assert!(is_archive_name(ours, "sqlite"), "{ours}");
        }
        for other in [
            "shop/notes.txt",
            "shop/2026/01/notes.txt",
            "shop/2026/01/a.sqlite.zst.meta.json",
            "shop/a.sqlite",
            "shop/26/01/a.sqlite",
            "shop/2026/01/02/a.sqlite",
            "shop/2026/01/a.sql.zst",
        ] {
            assert!(!is_archive_name(other, "sqlite"), "{other}");
        }
    }
}
