//! Real servers of databases and storages for tests and measurements: made fresh, on loopback only, gone afterwards.
//!
//! Everything of a set of servers lies in one folder, with `servers.json` in it, which tests read. Servers that run
//! in a changed root have their data there; the file says where, so that `lower` finds it.

mod certificates;
mod installation;
mod loader;
pub(crate) mod mysql;
pub(crate) mod postgres;
mod roots;
pub(crate) mod services;
mod state;
mod watch;

use std::fs::{self, DirBuilder, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use certificates::Certificates;
use installation::{Home, Installation};
use roots::Suite;
pub(crate) use state::State;
pub(crate) use watch::{Raised, watch};

/// Of every superuser.
const PASSWORD: &str = "pw";

/// Which servers are meant.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) postgres: &'static [u32],
    pub(crate) mysql: &'static [mysql::Release],
    /// Of storages.
    pub(crate) services: &'static [services::Kind],
}

impl Choice {
    /// What every run of the tests has.
    pub(crate) const DAILY: Self =
        Self { postgres: postgres::DAILY, mysql: mysql::ALL, services: services::ALL };
    /// Every version we support.
    pub(crate) const ALL: Self = Self { postgres: postgres::ALL, mysql: mysql::ALL, services: services::ALL };

    /// Those of storages alone.
    pub(crate) const STORAGES: Self = Self { postgres: &[], mysql: &[], services: services::ALL };

    /// The most complete server of S3 alone.
    pub(crate) const S3: Self = Self { postgres: &[], mysql: &[], services: &[services::CEPH] };

    /// PostgreSQL alone.
    pub(crate) const fn postgres(versions: &'static [u32]) -> Self {
        Self { postgres: versions, mysql: &[], services: &[] }
    }

    /// MySQL and MariaDB alone.
    pub(crate) const fn mysql(releases: &'static [mysql::Release]) -> Self {
        Self { postgres: &[], mysql: releases, services: &[] }
    }
}

/// A server that cannot be had on this machine.
pub(crate) struct Missing {
    /// Such as `PostgreSQL 17`.
    pub(crate) name: String,
    pub(crate) why: String,
}

/// What differs between servers for tests and servers to measure.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Whether what is committed is on the disk.
    pub(crate) fsync: bool,
    /// As in postgresql.conf; the buffer pool of MySQL has the same size.
    pub(crate) shared_buffers: &'static str,
}

/// Fast, and small enough for ten servers at once.
pub(crate) const FOR_TESTS: Settings = Settings { fsync: false, shared_buffers: "128MB" };

/// Makes a folder for a set of servers, which their users can enter.
pub(crate) fn new_folder() -> Result<PathBuf> {
    let random = RandomState::new().hash_one(std::process::id());
    let folder = std::env::temp_dir().join(format!("cadangkan-servers-{random:016x}"));
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(&folder, Permissions::from_mode(0o711))?;
    State::default().write(&folder)?;
    Ok(folder)
}

/// Starts the servers of a choice, and returns which could not be had, and why.
///
/// # Errors
/// When a server that is installed does not start; with `strict`, also when one cannot be had.
pub(crate) fn raise(folder: &Path, choice: Choice, settings: Settings, strict: bool) -> Result<Vec<Missing>> {
    let certificates = Certificates::make(&folder.join("tls"))?;
    let mut raising = Raising { folder, strict, state: State::default(), missing: Vec::new() };
    for &version in choice.postgres {
        let name = format!("PostgreSQL {version}");
        if let Some(installation) = raising.had(&name, postgres::obtain(version, folder))? {
            let cluster = postgres::Cluster::new(version, installation, folder);
            let start = || cluster.start(&certificates, settings);
            let port = raising.begin(|state| &mut state.servers, cluster.planned(), start)?.port;
            println!("{name} is up on port {port}");
        }
    }
    for &release in choice.mysql {
        let name = release.to_string();
        if let Some(installation) = raising.had(&name, mysql::obtain(release))? {
            let cluster = mysql::Cluster::new(release, installation, folder);
            let start = || cluster.start(&certificates, settings);
            let port = raising.begin(|state| &mut state.mysql, cluster.planned(), start)?.port;
            println!("{name} is up on port {port}");
        }
    }
    for kind in choice.services {
        let name = format!("server of {}", kind.name);
        if let Some(installation) = raising.had(&name, (kind.obtain)())? {
            let planned = || services::planned(kind, installation.clone(), folder);
            let start = || services::start(kind, planned()).with_context(|| name.clone());
            let port = raising.begin(|state| &mut state.services, planned(), start)?.port;
            println!("{name} is up on port {port}");
        }
    }
    Ok(raising.missing)
}

/// A set of servers that is being started.
struct Raising<'a> {
    folder: &'a Path,
    strict: bool,
    state: State,
    missing: Vec<Missing>,
}

impl Raising<'_> {
    /// Notes what cannot be had, or fails when everything is wanted.
    fn had<T>(&mut self, name: &str, obtained: Result<T>) -> Result<Option<T>> {
        match obtained {
            Ok(had) => Ok(Some(had)),
            Err(error) if self.strict => Err(error.context(format!("{name} cannot be had"))),
            Err(error) => {
                self.missing.push(Missing { name: name.to_owned(), why: format!("{error:#}") });
                Ok(None)
            }
        }
    }

    /// Starts a server; what must be known to end it is written down before.
    fn begin<S>(
        &mut self,
        list: fn(&mut State) -> &mut Vec<S>,
        planned: S,
        start: impl FnOnce() -> Result<S>,
    ) -> Result<&S> {
        list(&mut self.state).push(planned);
        self.state.write(self.folder)?;
        let started = start()?;
        list(&mut self.state).pop();
        list(&mut self.state).push(started);
        self.state.write(self.folder)?;
        list(&mut self.state).last().context("it was pushed")
    }
}

/// Stops all servers of a folder, checks that they are gone, and removes the folder.
pub(crate) fn lower(folder: &Path) -> Result<()> {
    let state = State::read(folder)?;
    let mut failures = Vec::new();
    for server in state.servers {
        if let Err(error) = postgres::end(&server) {
            failures.push(format!("PostgreSQL {}: {error:#}", server.version));
        }
    }
    for server in state.mysql {
        if let Err(error) = mysql::end(&server) {
            failures.push(format!("{}: {error:#}", server.name()));
        }
    }
    for service in state.services {
        if let Err(error) = services::end(&service) {
            failures.push(format!("server of {}: {error:#}", service.name));
        }
    }
    if !failures.is_empty() {
        bail!("not stopped: {}", failures.join("; "));
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
