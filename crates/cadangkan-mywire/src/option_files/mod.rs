//! Option files (manual, "Using Option Files"): which are read, in which order, and whom they are safe from.

mod one;
mod parse;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use self::parse::Line;
use crate::{Environment, Settings};
pub use one::OptionFile;

/// Those that clients of either family read. `[client-server]` is MariaDB's, for both sides.
const GROUPS: [&str; 5] = ["client", "client-server", "client-mariadb", "mariadb-client", "mysql"];
/// Files that name each other end here.
const DEEPEST: usize = 10;
const MOST_FILES: usize = 200;
const LONGEST_FILE: u64 = 1 << 20;

/// What the option files say, and what a person should know of them.
#[derive(Debug, Default)]
pub(crate) struct OptionFiles {
    pub(crate) settings: Settings,
    pub(crate) warnings: Vec<String>,
    suffix: Option<String>,
    /// A group that counts as well.
    group: Option<String>,
    /// Groups that counted.
    taken: BTreeSet<String>,
    /// Groups that did not.
    passed: BTreeSet<String>,
    /// Options of groups that counted which say nothing of a connection.
    unknown: BTreeSet<String>,
    number: usize,
}

/// Reads the option files that `given` asks for: the one it names, or the machine's, the extra one and the person's,
/// of which a later one counts more.
///
/// A password in a file that others may read is used, as the clients do, and told. A file that others may write is
/// left out, as the clients do, and told; one that was asked for by name is an error.
pub(crate) fn read(given: &Settings, environment: &dyn Environment) -> Result<OptionFiles> {
    let mut files = OptionFiles { suffix: given.defaults_group_suffix.clone(), ..OptionFiles::default() };
    if given.no_defaults == Some(true) {
        return Ok(files);
    }
    if let Some(path) = &given.defaults_file {
        files.read_file(path, true, 0)?;
        return Ok(files);
    }
    for path in environment.system_option_files() {
        files.read_file(&path, false, 0)?;
    }
    if let Some(path) = &given.defaults_extra_file {
        files.read_file(path, true, 0)?;
    }
    if let Some(home) = environment.home() {
        files.read_file(&home.join(".my.cnf"), false, 0)?;
    }
    Ok(files)
}

impl OptionFiles {
    fn read_file(&mut self, path: &Path, named: bool, depth: usize) -> Result<()> {
        self.number += 1;
        if depth > DEEPEST || self.number > MOST_FILES {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the option files include each other without an end",
            )
            .context("path", path.display())
            .hint("take the !include or !includedir out that leads back"));
        }
        let (text, mode) = match contents(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(()),
            Err(error) if !named => {
                self.warnings.push(format!("the option file {} cannot be read: {error}", path.display()));
                return Ok(());
            }
            Err(error) => {
                return Err(Error::io("cannot read the option file", error)
                    .context("path", path.display())
                    .hint("check the path and the file's permissions"));
            }
        };
        if mode & 0o002 != 0 {
            let what = "anybody may write to the option file";
            if named {
                return Err(Error::new(ErrorKind::Denied, what)
                    .context("path", path.display())
                    .hint("take that away: `chmod o-w` on the file"));
            }
            self.warnings.push(format!("{what} {}: it is not read", path.display()));
            return Ok(());
        }
        let has_password = self.take(path, &text, depth)?;
        if has_password && mode & 0o044 != 0 {
            let path = path.display();
            self.warnings.push(format!(
                "the option file {path} has a password, and others may read it: `chmod 600 {path}`"
            ));
        }
        Ok(())
    }

    /// Takes the lines of a file; true when a password is among them.
    fn take(&mut self, path: &Path, text: &str, depth: usize) -> Result<bool> {
        let (mut counts, mut has_password) = (false, false);
        for (index, line) in text.lines().enumerate() {
            let wrong = |message: String| {
                Error::new(ErrorKind::Configuration, format!("the option file has a mistake: {message}"))
                    .context("path", path.display())
                    .context("line", index + 1)
                    .hint("each line is `option=value`, below its group's name in brackets")
            };
            match parse::line(line).map_err(wrong)? {
                Line::Nothing => {}
                Line::Group(name) => {
                    counts = self.has_group(name);
                    let known = if counts { &mut self.taken } else { &mut self.passed };
                    known.insert(name.to_owned());
                }
                Line::Include(other) => self.read_file(&beside(path, other), false, depth + 1)?,
                Line::IncludeFolder(folder) => {
                    for file in files_of(&beside(path, folder)) {
                        self.read_file(&file, false, depth + 1)?;
                    }
                }
                Line::Option(..) if !counts => {}
                Line::Option(name, value) => {
                    has_password |=
                        name == "password" && value.as_ref().is_some_and(|value| !value.is_empty());
                    if !self.settings.set(&name, value.as_deref()).map_err(wrong)? {
                        self.unknown.insert(name);
                    }
                }
            }
        }
        Ok(has_password)
    }

    fn has_group(&self, name: &str) -> bool {
        let of_suffix = self.suffix.as_ref().and_then(|suffix| name.strip_suffix(suffix.as_str()));
        GROUPS.contains(&name)
            || self.group.as_deref() == Some(name)
            || of_suffix.is_some_and(|name| GROUPS.contains(&name))
    }
}

/// The text of a file and its permissions. A longer file than any is cut.
fn contents(path: &Path) -> io::Result<(String, u32)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    if metadata.is_file() {
        file.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), metadata.mode()))
}

/// A path that another file names; where it is relative, beside that file.
fn beside(path: &Path, named: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).join(named)
}

/// The files of a folder whose names end in `.cnf`, by name. A folder that cannot be read has none.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "cnf")).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests;
