//! Files that hold secrets.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use super::{LONGEST, trimmed};
use crate::environment::environment;

/// Where Docker, Podman and Kubernetes put secrets.
const OF_CONTAINERS: &str = "/run/secrets";

/// Where systemd puts the credentials of a service: systemd.exec(5), LoadCredential.
const OF_SERVICES: &str = "CREDENTIALS_DIRECTORY";

/// Reads a secret from a file that only its owner may read, or from one that the system put into a folder of such files,
/// where others may read it but nobody may change it.
///
/// Fails with `NotFound`, and with `Denied` when others could read or change it.
pub(crate) fn read(path: &Path) -> Result<String> {
    let of_service = environment(OF_SERVICES).map(PathBuf::from).filter(|folder| folder.is_absolute());
    read_with(path, of_service.into_iter().chain([PathBuf::from(OF_CONTAINERS)]))
}

fn read_with(path: &Path, mut given: impl Iterator<Item = PathBuf>) -> Result<String> {
    let failed = |error| {
        Error::io("cannot read the file of a secret", error)
            .context("path", path.display())
            .hint("check that it is there, and that this user may read it")
    };
    // A named pipe that nobody writes to is not waited for.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    // Links are followed first: what counts is where the file really is.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(&real).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Configuration, "not a file").context("path", path.display()));
    }
    let forbidden = if given.any(|folder| is_kept_in(&real, &folder)) { 0o022 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        let path = path.display();
        return Err(Error::new(ErrorKind::Denied, "others may read or change the file of a secret")
            .context("path", &path)
            .context("mode", format!("{:04o}", metadata.mode() & 0o7777))
            .hint(format!("keep it to yourself: chmod 600 {path}")));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    trimmed(bytes).map_err(|error| error.context("path", path.display()))
}

/// Whether a file is in a folder, or further down, and nobody but root and this user can put anything there.
fn is_kept_in(file: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let us = rustix::process::geteuid().as_raw();
    let is_safe = |folder: &Path| {
        let metadata = folder.metadata();
        metadata.is_ok_and(|folder| [0, us].contains(&folder.uid()) && folder.mode() & 0o022 == 0)
    };
    file.starts_with(&folder)
        && file.ancestors().skip(1).take_while(|above| above.starts_with(&folder)).all(is_safe)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn in_folders_of_the_system_others_may_read_and_nobody_may_write() {
        let place = tempfile::tempdir().unwrap();
        let (given, inner) = (place.path().join("given"), place.path().join("given/..data"));
        std::fs::create_dir_all(&inner).unwrap();
        let (file, link, outside) = (inner.join("a"), given.join("a"), place.path().join("outside"));
        for file in [&file, &outside] {
            std::fs::write(file, "hunter2\n").unwrap();
            mode(file, 0o444);
        }
        // As Kubernetes does it.
        symlink("..data/a", &link).unwrap();
        let read = |path: &Path| read_with(path, std::iter::once(given.clone()));
        let refused = |path: &Path| assert_eq!(read(path).unwrap_err().kind(), ErrorKind::Denied, "{path:?}");
        for allowed in [0o400, 0o440, 0o444, 0o644] {
            mode(&file, allowed);
            assert_eq!(read(&file).unwrap(), "hunter2");
            assert_eq!(read(&link).unwrap(), "hunter2");
        }
        for writable in [0o660, 0o606, 0o666] {
            mode(&file, writable);
            refused(&file);
        }
        mode(&file, 0o444);
        refused(&outside);
        // A link out of the folder, a way around it, and a folder with the same begin of its name.
        symlink(&outside, given.join("out")).unwrap();
        refused(&given.join("out"));
        refused(&given.join("../outside"));
        std::fs::create_dir(place.path().join("given-too")).unwrap();
        std::fs::copy(&file, place.path().join("given-too/a")).unwrap();
        refused(&place.path().join("given-too/a"));
        for folder in [&given, &inner] {
            mode(folder, 0o777);
            refused(&file);
            mode(folder, 0o755);
        }
        assert_eq!(read(&file).unwrap(), "hunter2");
        assert_eq!(read(&given.join("b")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
