use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Error, Result, Timestamp};
use cadangkan_ops::lock::create_private_folder;

/// The most bytes of one file.
const MOST_BYTES: u64 = 10_000_000;
/// How many older files stay.
const MOST_FILES: usize = 9;
/// How long they stay.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);
/// The file that is written.
const NAME: &str = "cadangkan.log";

/// A log file that is begun anew when it is large; the older ones go by number and age.
pub(super) struct LogFile {
    folder: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl LogFile {
    /// Goes on with the file that is there.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        create_private_folder(folder)?;
        let failed = |error| Error::io("cannot open the log", error).context("folder", folder.display());
        let file = append(&folder.join(NAME)).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(LogFile { folder: folder.to_owned(), file: Some(file), bytes })
    }

    /// Writes a line. What cannot be written is left out: a full disk must not end the scheduler.
    pub(super) fn write(&mut self, now: Timestamp, line: &str) {
        if self.bytes >= MOST_BYTES {
            self.turn(now);
        }
        if self.file.is_none() {
            self.file = append(&self.folder.join(NAME)).ok();
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(format!("{line}\n").as_bytes()) {
            Ok(()) => self.bytes += line.len() as u64 + 1,
            Err(_) => self.file = None,
        }
    }

    /// Puts the file aside under the time of now, and removes what is old.
    fn turn(&mut self, now: Timestamp) {
        self.file = None;
        self.bytes = 0;
        let aside = format!("{NAME}.{}", now.strftime("%Y%m%d-%H%M%S"));
        // When it cannot be put aside, it is written on.
        let _ = std::fs::rename(self.folder.join(NAME), self.folder.join(aside));
        self.remove_old();
    }

    fn remove_old(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let prefix = format!("{NAME}.");
        let mut old: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)))
            .map(|entry| entry.path())
            .collect();
        // The names hold the time, so that the newest come first.
        old.sort_by(|a, b| b.cmp(a));
        for (place, path) in old.iter().enumerate() {
            let age =
                std::fs::metadata(path).and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
            let is_old = matches!(age, Ok(Ok(age)) if age > LONGEST);
            if place >= MOST_FILES || is_old {
                // It is tried again with the next.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_begun_anew_when_it_is_large_and_few_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(folder.path()).unwrap();
        let line = "x".repeat(100_000);
        for second in 0..1500 {
            log.write(Timestamp::from_second(1_800_000_000 + second).unwrap(), &line);
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), MOST_FILES + 1);
        for file in names {
            let bytes = file.metadata().unwrap().len();
            assert!(bytes <= MOST_BYTES + 100_001, "{bytes}");
        }
    }

    #[test]
    fn a_folder_that_went_away_ends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs");
        let mut log = LogFile::open(&path).unwrap();
        log.bytes = MOST_BYTES;
        std::fs::remove_dir_all(&path).unwrap();
        log.write(Timestamp::UNIX_EPOCH, "nobody reads this");
        std::fs::create_dir(&path).unwrap();
        log.write(Timestamp::UNIX_EPOCH, "this is there");
        assert_eq!(std::fs::read_to_string(path.join(NAME)).unwrap(), "this is there\n");
    }
}
