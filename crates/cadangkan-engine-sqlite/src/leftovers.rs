//! Files that restores left beside a database: unfinished ones, and old content that was kept.

use std::fs::File;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Leftover, Result};

use crate::load::{kept_prefix, remove_group, temporary_prefix};

/// What follows the name of a leftover's main file in the names of the others that belong to it.
const COMPANY: [&str; 8] = [".new-wal", ".new-shm", ".new-journal", ".new", "-wal", "-shm", "-journal", ""];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unfinished,
    Kept,
}

/// Lists leftovers beside `path`, each with all files that belong to it.
pub(crate) fn list(path: &Path) -> Result<Vec<Leftover>> {
    let Some((folder, name)) = place_of(path) else { return Ok(Vec::new()) };
    let cannot_list = |error| {
        Error::io("cannot list the database's folder", error)
            .context("path", folder.display())
            .hint("check the path and the permissions of the folder")
    };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(cannot_list)?,
    };
    let mut leftovers: Vec<Leftover> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(cannot_list)?;
        let file_name = entry.file_name();
        let Some((kind, main)) = file_name.to_str().and_then(|text| recognize(&name, text)) else { continue };
        let main = folder.join(main);
        if kind == Kind::Unfinished && is_in_use(&main) {
            continue;
        }
        let size_bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        let location = main.display().to_string();
        match leftovers.iter_mut().find(|leftover| leftover.location == location) {
            Some(leftover) => leftover.size_bytes += size_bytes,
            None => leftovers.push(Leftover { location, description: describe(kind), size_bytes }),
        }
    }
    leftovers.sort_by(|left, right| left.location.cmp(&right.location));
    Ok(leftovers)
}

/// Removes one leftover of `path`; refuses whatever is none.
pub(crate) fn discard(path: &Path, leftover: &Leftover) -> Result<()> {
    let main = PathBuf::from(&leftover.location);
    let is_ours = place_of(path).is_some_and(|(folder, name)| {
        let file_name = main.file_name().and_then(|text| text.to_str());
        let recognized = file_name.and_then(|text| recognize(&name, text));
        main.parent() == Some(&folder) && recognized.map(|(_, main)| main) == file_name
    });
    if !is_ours {
        return Err(Error::new(ErrorKind::Usage, "this is not a leftover of the database")
            .context("location", &leftover.location)
            .hint("list the leftovers again"));
    }
    remove_group(&main, &COMPANY)
}

/// The real folder and the name of the database's file.
fn place_of(path: &Path) -> Option<(PathBuf, String)> {
    let real = std::fs::canonicalize(path).ok().or_else(|| {
        let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
    })?;
    Some((real.parent()?.to_owned(), real.file_name()?.to_str()?.to_owned()))
}

/// Tells whether a file's name is that of a leftover of `name`; returns its kind and its main file's name.
fn recognize<'a>(name: &str, file_name: &'a str) -> Option<(Kind, &'a str)> {
    let begins = [(temporary_prefix(name), Kind::Unfinished), (kept_prefix(name), Kind::Kept)];
    let (rest, kind) =
        begins.iter().find_map(|(begin, kind)| Some((file_name.strip_prefix(begin.as_str())?, *kind)))?;
    let before = file_name.len() - rest.len();
    let rest = COMPANY.iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    let is_main = match kind {
        Kind::Unfinished => rest.len() == 16 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Kind::Kept => is_stamp(rest),
    };
    if is_main { Some((kind, file_name.get(..before + rest.len())?)) } else { None }
}

/// Tells whether a text is `2026-01-15-143022`, perhaps with `-2` and so on after it.
fn is_stamp(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().take(4).map(|part| part.len()).collect();
    parts.len() <= 5 && lengths == [4, 2, 2, 6] && parts.into_iter().all(digits)
}

/// Tells whether a restore under way holds the file.
fn is_in_use(main: &Path) -> bool {
    File::open(main).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

fn describe(kind: Kind) -> String {
    match kind {
        Kind::Unfinished => "unfinished restore",
        Kind::Kept => "old database, kept by a restore",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_taken() {
        let main = |text: &str| recognize("shop.db", text).map(|(_, main)| main.to_owned());
        let temporary = ".shop.db.restoring-0123456789abcdef";
        for end in ["", "-wal", "-shm", "-journal", ".new", ".new-journal"] {
            assert_eq!(main(&format!("{temporary}{end}")), Some(temporary.to_owned()), "{end}");
        }
        let kept = "shop.db.before-restore-2026-01-15-143022";
        assert_eq!(main(kept).as_deref(), Some(kept));
        assert_eq!(main(&format!("{kept}-wal")).as_deref(), Some(kept));
        let second = format!("{kept}-2");
        assert_eq!(main(&format!("{second}-journal")), Some(second));
        for other in [
            "shop.db",
            "shop.db-wal",
            ".shop.db.restoring-",
            ".shop.db.restoring-0123456789abcdeg",
            ".shop.db.restoring-0123456789abcdef.txt",
            "shop.db.before-restore-notes",
            "shop.db.before-restore-2026-01-15-143022.gz",
            "shop.db.before-restore-2026-01-15-143022-2-3",
            "other.db.before-restore-2026-01-15-143022",
        ] {
            assert_eq!(main(other), None, "{other}");
        }
    }
}
