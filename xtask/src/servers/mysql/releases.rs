//! Which releases there are, and where their programs come from.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::servers::{Installation, Suite, roots};
use crate::{process, workplace};

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flavor {
    Mysql,
    Mariadb,
}

impl Flavor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// The server's program.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Mysql => "mysqld",
            Self::Mariadb => "mariadbd",
        }
    }

    /// The client programs that tests and measurements call; the first runs statements.
    pub(super) fn clients(self) -> &'static [&'static str] {
        match self {
            Self::Mysql => &["mysql", "mysqldump", "mysqlbinlog", "mysqladmin"],
            Self::Mariadb => &["mariadb", "mariadb-dump", "mariadb-binlog", "mariadb-admin"],
        }
    }
}

/// A release of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) flavor: Flavor,
    /// Such as `10.11`.
    pub(crate) version: &'static str,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavor.name(), self.version)
    }
}

/// Where the programs of a release come from, when the machine does not have them.
enum Source {
    Apt,
    /// In a root of its own.
    Root(Suite),
}

/// What the measurements have, as Debian's own package is.
pub(crate) const MARIADB_10_11: Release = Release { flavor: Flavor::Mariadb, version: "10.11" };
const MARIADB_11_8: Release = Release { flavor: Flavor::Mariadb, version: "11.8" };
const MYSQL_9_7: Release = Release { flavor: Flavor::Mysql, version: "9.7" };

/// Every release we support; every run of the tests has all of them.
pub(crate) const ALL: &[Release] = &[MARIADB_10_11, MARIADB_11_8, MYSQL_9_7];

const SOURCES: &[(Release, Source)] = &[
    (MARIADB_10_11, Source::Apt),
    (MARIADB_11_8, Source::Root(Suite::Trixie)),
    (MYSQL_9_7, Source::Root(Suite::Sid)),
];

/// Finds or gets the programs of a release.
pub(in crate::servers) fn obtain(release: Release) -> Result<Installation> {
    if let Some(installed) = of_system(release) {
        return Ok(installed);
    }
    match SOURCES.iter().find(|(known, _)| *known == release) {
        Some((_, Source::Apt)) => install(release),
        Some((_, Source::Root(suite))) => in_root(release, *suite),
        None => bail!("no source of {release} is known"),
    }
}

/// Finds the server where Debian's packages put it; only one release can be there.
fn of_system(release: Release) -> Option<Installation> {
    let installed = packaged(None);
    is_of(&installed, release).then_some(installed)
}

/// Installs the package, and stops the server that it starts by itself.
fn install(release: Release) -> Result<Installation> {
    let others = ["mariadbd", "mysqld"].into_iter().find_map(process::find);
    if let Some(other) = others {
        bail!("the machine has another server, {}, which a package would replace", other.display());
    }
    workplace::install_packages(&["mariadb-server"])?;
    process::succeeds(Command::new("timeout").args(["60", "service", "mariadb", "stop"]));
    match of_system(release) {
        Some(installed) => Ok(installed),
        None => bail!("the package mariadb-server did not install {release}"),
    }
}

fn in_root(release: Release, suite: Suite) -> Result<Installation> {
    let packages: &[&str] = match release.flavor {
        Flavor::Mariadb => &["mariadb-server"],
        Flavor::Mysql => &["mysql-server-core", "mysql-client-core", "passwd"],
    };
    let root = roots::obtain(suite, packages)?;
    let installed = packaged(Some(root.clone()));
    if !is_of(&installed, release) {
        bail!("Debian {suite} has another release now; {} can be removed", root.display());
    }
    if release.flavor == Flavor::Mysql && !process::succeeds(chroot(&root).args(["id", "mysql"])) {
        // Only the package that also starts a server makes the user.
        let user = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "mysql"];
        process::run_quietly(chroot(&root).args(user))?;
    }
    Ok(installed)
}

fn chroot(root: &PathBuf) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root);
    command
}

/// Returns where Debian's packages put clients; servers are beside them, in `sbin`.
fn packaged(root: Option<PathBuf>) -> Installation {
    Installation { user: "mysql".to_owned(), root, bin: "/usr/bin".into() }
}

/// Tells whether a release is installed, by the server's own word.
fn is_of(installation: &Installation, release: Release) -> bool {
    let program = server_program(release.flavor);
    if !installation.has(&[&program]) || !installation.has(release.flavor.clients()) {
        return false;
    }
    let mut command = match &installation.root {
        Some(root) => chroot(root),
        None => Command::new("env"),
    };
    let said = process::capture(command.args([&program, "--version"])).unwrap_or_default();
    let version = said.split_once("Ver ").map_or("", |(_, version)| version);
    version.starts_with(&format!("{}.", release.version))
        && said.contains("MariaDB") == (release.flavor == Flavor::Mariadb)
}

/// Returns the path of the server's program, in its root.
pub(super) fn server_program(flavor: Flavor) -> String {
    format!("/usr/sbin/{}", flavor.program())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_a_source() {
        let known: Vec<Release> = SOURCES.iter().map(|(release, _)| *release).collect();
        assert_eq!(known, ALL);
    }
}
