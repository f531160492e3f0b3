//! What can be asked of a remote: one `rclone` each.

use std::ops::Range;

use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::{Key, ObjectInfo, Space, is_path};
use serde::Deserialize;

use crate::Settings;
use crate::complaint::Ended;
use crate::process::{self, End, Process};

/// What `lsjson` says of an object.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry {
    path: String,
    /// Below 0 where it is not known.
    size: i64,
    mod_time: Option<String>,
    is_dir: bool,
}

impl Entry {
    pub(crate) fn size(&self) -> Option<u64> {
        if self.is_dir { None } else { u64::try_from(self.size).ok() }
    }

    pub(crate) fn info(&self, key: &Key) -> Option<ObjectInfo> {
        let modified = self.mod_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        Some(ObjectInfo { key: key.clone(), size: self.size()?, modified })
    }
}

impl Settings {
    /// The place of something below the folder.
    pub(crate) fn below(&self, path: &str) -> String {
        match path {
            "" => self.remote.clone(),
            path if self.remote.ends_with(':') => format!("{}{path}", self.remote),
            path => format!("{}/{path}", self.remote),
        }
    }

    fn run(&self, arguments: &[&str], what: &str) -> Result<std::result::Result<Vec<u8>, Ended>> {
        process::run(self, arguments, what)
    }

    /// Runs something that must succeed.
    fn done(&self, arguments: &[&str], what: &str, path: &str) -> Result<Vec<u8>> {
        self.run(arguments, what)?.map_err(|ended| ended.explain(what, &self.below(path)))
    }

    pub(crate) fn make_folder(&self) -> Result<()> {
        self.done(&["mkdir", &self.remote], "cannot make the folder of a storage", "").map(drop)
    }

    /// Looks at a path; `None` when nothing is there.
    pub(crate) fn look(&self, path: &str) -> Result<Option<Entry>> {
        let what = "cannot look at an object";
        let place = self.below(path);
        match self.run(&["lsjson", "--stat", "--no-mimetype", &place], what)? {
            Ok(printed) => self.read_json(&printed, what),
            Err(ended) if ended.is_missing() => Ok(None),
            Err(ended) => Err(ended.explain(what, &place)),
        }
    }

    /// Fails with `Unreachable` when the storage's own folder is not there.
    pub(crate) fn expect_folder(&self) -> Result<()> {
        match self.look("")? {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::Unreachable,
                "the folder of a storage does not exist on the remote",
            )
            .context("place", &self.remote)
            .hint("the first backup makes the folder, or `cadangkan test`")),
        }
    }

    /// Returns all files below a folder whose paths could be those of keys, in order of their paths.
    pub(crate) fn files(&self, prefix: &str) -> Result<Vec<(String, Entry)>> {
        let what = "cannot list a folder";
        if !prefix.is_empty() && self.look(prefix)?.is_none_or(|found| !found.is_dir) {
            return self.expect_folder().map(|()| Vec::new());
        }
        let place = self.below(prefix);
        let printed = match self.run(&["lsjson", "-R", "--files-only", "--no-mimetype", &place], what)? {
            Ok(printed) => printed,
            Err(ended) if ended.is_missing() => return self.expect_folder().map(|()| Vec::new()),
            Err(ended) => return Err(ended.explain(what, &place)),
        };
        let entries: Vec<Entry> = self.read_json(&printed, what)?;
        let path = |entry: &Entry| match prefix {
            "" => entry.path.clone(),
            prefix => format!("{prefix}/{}", entry.path),
        };
        let mut files: Vec<_> = entries.into_iter().map(|entry| (path(&entry), entry)).collect();
        files.retain(|(path, _)| is_path(path));
        files.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        Ok(files)
    }

    /// Removes a file. Done also when there is none.
    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        let what = "cannot remove an object";
        match self.run(&["deletefile", &self.below(path)], what)? {
            Err(ended) if !ended.is_missing() => Err(ended.explain(what, &self.below(path))),
            _ => Ok(()),
        }
    }

    /// Gives a file another name, and replaces what has it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        // Without the option a file of the same size and time is taken for the same one, and stays.
        let arguments = ["moveto", "--ignore-times", &self.below(from), &self.below(to)];
        self.done(&arguments, "cannot give an object its name", to).map(drop)
    }

    /// Begins to read a range of an object.
    pub(crate) fn begin_read(&self, path: &str, range: &Range<u64>) -> Result<Process> {
        let (offset, count) = (range.start.to_string(), (range.end - range.start).to_string());
        let arguments = ["cat", "--offset", &offset, "--count", &count, &self.below(path)];
        Process::start(self, &arguments, &End::Output)
    }

    /// Begins to write a file.
    pub(crate) fn begin_write(&self, path: &str) -> Result<Process> {
        Process::start(self, &["rcat", &self.below(path)], &End::Input)
    }

    /// Asks for room; `None` where the remote does not tell.
    pub(crate) fn space(&self) -> Result<Option<Space>> {
        #[derive(Deserialize)]
        struct About {
            total: Option<u64>,
            free: Option<u64>,
        }
        let what = "cannot ask for free space";
        let printed = match self.run(&["about", "--json", &self.remote], what)? {
            Ok(printed) => printed,
            Err(ended) if ended.said.contains("doesn't support about") => return Ok(None),
            Err(ended) => return Err(ended.explain(what, &self.remote)),
        };
        let about: About = self.read_json(&printed, what)?;
        let space = |total, available: u64| Space { available: available.min(total), total };
        Ok(about.total.filter(|total| *total > 0).zip(about.free).map(|(total, free)| space(total, free)))
    }

    fn read_json<T: serde::de::DeserializeOwned>(&self, printed: &[u8], what: &str) -> Result<T> {
        serde_json::from_slice(printed).map_err(|error| {
            Error::new(ErrorKind::Io, what)
                .context("place", &self.remote)
                .source(error)
                .hint("rclone printed something else than was expected; 1.60 and newer are known to work")
        })
    }
}
