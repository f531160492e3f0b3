//! Files and folders on the server: looked at, listed, made, and removed.

use std::io::BufReader;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::is_path;

use crate::failure::Failure;
use crate::files::{Entry, Kind, time};
use crate::reply::read_line;
use crate::session::Session;

/// Made by file systems at their own root, and closed to all but the administrator.
const LOST_AND_FOUND: &str = "lost+found";
/// The longest line of a list, in bytes: a name, and what is said of it.
const LONGEST_LINE: usize = 8 << 10;

/// Looks at a path; `None` when there is nothing.
pub(crate) fn look(session: &mut Session, path: &str) -> Result<Option<Entry>, Failure> {
    if !session.describes {
        return look_by_parts(session, path);
    }
    match session.call("MLST", path) {
        Ok(reply) => {
            let line = reply.text.lines().nth(1).unwrap_or_default();
            match Entry::described(line.strip_prefix(' ').unwrap_or(line)) {
                Some((entry, _)) => Ok(Some(entry)),
                None => Err(nonsense(line)),
            }
        }
        Err(failure) if failure.is_of_path() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The same with commands that every server has.
fn look_by_parts(session: &mut Session, path: &str) -> Result<Option<Entry>, Failure> {
    match session.call("CWD", path) {
        Ok(_) => return Ok(Some(Entry { kind: Kind::Folder, ..Entry::default() })),
        Err(failure) if !failure.is_of_path() => return Err(failure),
        Err(_) => {}
    }
    let size = match session.call("SIZE", path) {
        Ok(reply) => reply.text.trim().parse().map_err(|_| nonsense(&reply.text))?,
        Err(failure) if failure.is_of_path() => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let modified = match session.call("MDTM", path) {
        Ok(reply) => time(reply.text.trim()),
        Err(Failure::Refused(_)) => None,
        Err(failure) => return Err(failure),
    };
    Ok(Some(Entry { kind: Kind::File, size: Some(size), modified, unique: None }))
}

/// Looks at a file below the root; fails with `Unreachable` when not even the storage's own folder is there.
pub(crate) fn look_at_file(session: &mut Session, place: &str) -> Result<Option<Entry>, Failure> {
    let path = session.below(place);
    let found = look(session, &path)?;
    if found.is_none() {
        expect_root(session)?;
    }
    Ok(found.filter(|found| found.kind == Kind::File))
}

/// Fails with `Unreachable` when the storage's own folder is not there.
pub(crate) fn expect_root(session: &mut Session) -> Result<(), Failure> {
    let path = session.below("");
    // A link to a folder is none by its description, but can be gone into.
    if path == "/" || session.call("CWD", &path).map_or_else(unless_of_path, |_| Ok(true))? {
        return Ok(());
    }
    Err(Failure::Broken(
        Error::new(ErrorKind::Unreachable, "the folder of a storage does not exist on the server")
            .context("path", path)
            .hint("see whether what belongs there is mounted; the first backup makes the folder, or `cadangkan test`"),
    ))
}

fn unless_of_path(failure: Failure) -> Result<bool, Failure> {
    if failure.is_of_path() { Ok(false) } else { Err(failure) }
}

/// Calls `visit` with the path, relative to the root, of every plain file in a folder whose folders could be those of
/// a key.
///
/// Links are not followed. What vanishes meanwhile is left out; a folder that cannot be read is an error, since a list
/// that lacks backups is worse than none.
pub(crate) fn files(
    session: &mut Session,
    prefix: &str,
    visit: &mut dyn FnMut(&str, Entry),
) -> Result<(), Failure> {
    expect_root(session)?;
    let place = session.below(prefix);
    let is_folder = |found: Entry| found.kind == Kind::Folder;
    if !prefix.is_empty() && !look(session, &place)?.is_some_and(is_folder) {
        return Ok(());
    }
    let mut folders = vec![prefix.to_owned()];
    while let Some(folder) = folders.pop() {
        let place = session.below(&folder);
        let listed = match entries(session, &place) {
            Err(failure @ Failure::Refused(_)) => match look(session, &place)? {
                Some(_) => return Err(failure),
                None => continue,
            },
            listed => listed?,
        };
        for (name, entry) in listed {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match entry.kind {
                _ if !is_path(&path) || path == LOST_AND_FOUND => {}
                Kind::File => visit(&path, entry),
                Kind::Folder => folders.push(path),
                Kind::Other => {}
            }
        }
    }
    Ok(())
}

/// Returns what is in a folder; names that are no text are left out.
fn entries(session: &mut Session, path: &str) -> Result<Vec<(String, Entry)>, Failure> {
    // Behind LIST a path would be taken for options and patterns.
    let (command, argument) = if session.describes { ("MLSD", path) } else { ("LIST", "") };
    let read = if session.describes { Entry::described } else { Entry::shown };
    if !session.describes {
        session.call("CWD", path)?;
    }
    let data = session.transfer(command, argument, 0)?;
    let mut lines = BufReader::new(data);
    let mut entries = Vec::new();
    let mut wrong = None;
    loop {
        let line = match read_line(&mut lines, LONGEST_LINE, None) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            // Many servers end TLS without a word; whether that was all, they say in their reply.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => {
                session.break_off(lines.into_inner());
                return Err(error.into());
            }
        };
        let Ok(line) = String::from_utf8(line) else { continue };
        match read(&line) {
            Some((entry, name)) => entries.push((name.to_owned(), entry)),
            None if line.is_empty() || line.starts_with("total ") => {}
            None => wrong = Some(line),
        }
    }
    drop(lines);
    session.transferred()?;
    wrong.map_or(Ok(entries), |line| Err(nonsense(&line)))
}

fn nonsense(line: &str) -> Failure {
    Failure::Broken(
        Error::new(ErrorKind::Unsupported, "the server describes its files in an unknown form")
            .context("line", line.escape_debug())
            .hint("use a server with MLST (RFC 3659), or one that lists files as `ls -l` does"),
    )
}

/// Makes a folder below the root and all above it, the root too. Done also when they are there.
pub(crate) fn make(session: &mut Session, folder: &str) -> Result<(), Failure> {
    let whole = session.below(folder);
    if whole == "/" || look(session, &whole)?.is_some_and(|found| found.kind == Kind::Folder) {
        return Ok(());
    }
    let ends = whole.match_indices('/').map(|(end, _)| end).filter(|end| *end > 0).chain([whole.len()]);
    for end in ends {
        let path = whole.get(..end).unwrap_or(&whole);
        match session.call("MKD", path) {
            // It may be there already, which somebody else may have seen to.
            Err(failure @ Failure::Refused(_)) => {
                if !session.call("CWD", path).map_or_else(unless_of_path, |_| Ok(true))? {
                    return Err(failure);
                }
            }
            made => drop(made?),
        }
    }
    Ok(())
}

/// Removes a file, and then the folders that it leaves empty. Done also when there is none; what is no plain file is
/// no object, and stays.
pub(crate) fn remove(session: &mut Session, place: &str) -> Result<(), Failure> {
    if look_at_file(session, place)?.is_none() {
        return Ok(());
    }
    let path = session.below(place);
    match session.call("DELE", &path) {
        Err(failure) if !failure.is_of_path() || look(session, &path)?.is_some() => return Err(failure),
        _ => {}
    }
    // An empty folder does no harm, so failures do not count.
    let mut folder = place;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        if session.call("RMD", &session.below(folder)).is_err() {
            break;
        }
    }
    Ok(())
}
