use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Error, Result, Timestamp};
use cadangkan_ops::lock::create_private_folder;
use serde_json::Value;

use crate::config::LogSettings;

/// As much of a line as is looked at.
const LONGEST_LINE: u64 = 64 << 10;
/// The file that is written.
const NAME: &str = "cadangkan.log";

/// A log file that is begun anew when it is large or old; the older ones go by number and age.
pub(super) struct LogFile {
    folder: PathBuf,
    limits: LogSettings,
    file: Option<File>,
    bytes: u64,
    /// When its first line was written.
    begun_at: Option<Timestamp>,
}

impl LogFile {
    /// Goes on with the file that is there.
    pub(super) fn open(folder: &Path, limits: LogSettings) -> Result<Self> {
        create_private_folder(folder)?;
        let failed = |error| Error::io("cannot open the log", error).context("folder", folder.display());
        let file = append(&folder.join(NAME)).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let begun_at = first_time(&folder.join(NAME));
        let log = LogFile { folder: folder.to_owned(), limits, file: Some(file), bytes, begun_at };
        log.remove_old();
        Ok(log)
    }

    /// Takes other limits.
    pub(super) fn limit(&mut self, limits: LogSettings) {
        self.limits = limits;
        self.remove_old();
    }

    /// Writes a line. What cannot be written is left out: a full disk must not end the scheduler.
    pub(super) fn write(&mut self, now: Timestamp, line: &str) {
        if self.bytes >= self.limits.max_size || self.is_old(now) {
            self.turn(now);
        }
        self.begun_at.get_or_insert(now);
        if self.file.is_none() {
            self.file = append(&self.folder.join(NAME)).ok();
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(format!("{line}\n").as_bytes()) {
            Ok(()) => self.bytes += line.len() as u64 + 1,
            Err(_) => self.file = None,
        }
    }

    /// Tells whether it holds its part of the time that is kept: all files together hold about that.
    fn is_old(&self, now: Timestamp) -> bool {
        let parts = u32::try_from(self.limits.keep).unwrap_or(u32::MAX).saturating_add(1);
        let age = self.begun_at.map(|begun_at| now.duration_since(begun_at));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        self.bytes > 0 && age.is_some_and(|age| age >= self.limits.max_age / parts)
    }

    /// Puts the file aside under the time of now, and removes what is old.
    fn turn(&mut self, now: Timestamp) {
        self.file = None;
        (self.bytes, self.begun_at) = (0, None);
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
            let is_old = matches!(age, Ok(Ok(age)) if age > self.limits.max_age);
            if place >= self.limits.keep || is_old {
                // It is tried again with the next.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// The time in the first line of a file.
fn first_time(path: &Path) -> Option<Timestamp> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(LONGEST_LINE)).read_line(&mut line).ok()?;
    serde_json::from_str::<Value>(&line).ok()?.get("time")?.as_str()?.parse().ok()
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

    fn limits() -> LogSettings {
        LogSettings {
            max_size: 5_000_000,
            keep: 3,
            max_age: Duration::from_secs(4 * 3600),
            ..LogSettings::default()
        }
    }

    fn files(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn it_is_begun_anew_when_it_is_old_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap();
        let line = |minutes: i64| format!("{{\"time\":\"{}\"}}", at(minutes));
        let mut log = LogFile::open(folder.path(), limits()).unwrap();
        log.write(at(0), &line(0));
        log.write(at(59), &line(59));
        assert_eq!(files(folder.path()), 1);
        // A fourth of four hours.
        log.write(at(60), &line(60));
        assert_eq!(files(folder.path()), 2);
        let mut log = LogFile::open(folder.path(), limits()).unwrap();
        log.write(at(119), &line(119));
        assert_eq!(files(folder.path()), 2);
        log.write(at(120), &line(120));
        assert_eq!(files(folder.path()), 3);
        // Fewer are wished from now on.
        log.limit(LogSettings { keep: 1, ..limits() });
        assert_eq!(files(folder.path()), 2);
        // A clock that was set back is no reason.
        log.write(at(-1000), &line(-1000));
        assert_eq!(files(folder.path()), 2);
    }

    #[test]
    fn old_files_go_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join(format!("{NAME}.20200101-000000"));
        let file = File::create(&old).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(5 * 3600)).unwrap();
        let kept = folder.path().join(format!("{NAME}.20200101-000001"));
        File::create(&kept).unwrap();
        LogFile::open(folder.path(), limits()).unwrap();
        assert!(!old.exists() && kept.exists());
    }

    #[test]
    fn it_is_begun_anew_when_it_is_large_and_few_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(folder.path(), limits()).unwrap();
        let line = "x".repeat(100_000);
        for second in 0..1500 {
            log.write(Timestamp::from_second(1_800_000_000 + second).unwrap(), &line);
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), 4);
        for file in names {
            let bytes = file.metadata().unwrap().len();
            assert!(bytes <= 5_100_001, "{bytes}");
        }
    }

    #[test]
    fn a_folder_that_went_away_ends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs");
        let mut log = LogFile::open(&path, limits()).unwrap();
        log.bytes = 5_000_000;
        std::fs::remove_dir_all(&path).unwrap();
        log.write(Timestamp::UNIX_EPOCH, "nobody reads this");
        std::fs::create_dir(&path).unwrap();
        log.write(Timestamp::UNIX_EPOCH, "this is there");
        assert_eq!(std::fs::read_to_string(path.join(NAME)).unwrap(), "this is there\n");
    }
}
