//! Real PostgreSQL servers for tests and measurements: made fresh, on loopback only, gone afterwards.
//!
//! Everything of a set of servers lies in one folder, with `servers.json` in it, which tests read. Servers that run
//! in a changed root have their data there; the file says where, so that `lower` finds it.

mod certificates;
mod chroot;
mod cluster;
mod installation;
mod npm;
mod releases;
mod state;
mod watch;

use std::fs::{self, DirBuilder, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use certificates::Certificates;
use cluster::Cluster;
pub(crate) use cluster::running;
use installation::Installation;
pub(crate) use releases::{ALL, DAILY};
pub(crate) use state::{Server, State};
pub(crate) use watch::{Raised, watch};

/// What differs between servers for tests and servers to measure.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Whether what is committed is on the disk.
    pub(crate) fsync: bool,
    /// As in postgresql.conf.
    pub(crate) shared_buffers: &'static str,
}

/// Fast, and small enough for seven servers at once.
pub(crate) const FOR_TESTS: Settings = Settings { fsync: false, shared_buffers: "128MB" };

/// Makes a folder for a set of servers, which their user can enter.
pub(crate) fn new_folder() -> Result<PathBuf> {
    let random = RandomState::new().hash_one(std::process::id());
    let folder = std::env::temp_dir().join(format!("cadangkan-servers-{random:016x}"));
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(&folder, Permissions::from_mode(0o711))?;
    State::default().write(&folder)?;
    Ok(folder)
}

/// Starts a server of each version, and returns which could not be had, and why.
///
/// # Errors
/// When a server that is installed does not start; with `strict`, also when one cannot be had.
pub(crate) fn raise(
    folder: &Path,
    versions: &[u32],
    settings: Settings,
    strict: bool,
) -> Result<Vec<(u32, String)>> {
    let mut state = State::default();
    let certificates = Certificates::make(&folder.join("tls"))?;
    let mut missing = Vec::new();
    for &version in versions {
        match releases::obtain(version, folder) {
            Ok(installation) => {
                let cluster = Cluster::new(installation, folder);
                state.servers.push(cluster.planned());
                state.write(folder)?;
                let server = cluster.start(&certificates, settings)?;
                println!("PostgreSQL {version} is up on port {}", server.port);
                state.servers.pop();
                state.servers.push(server);
                state.write(folder)?;
            }
            Err(error) if strict => {
                return Err(error.context(format!("PostgreSQL {version} cannot be had")));
            }
            Err(error) => missing.push((version, format!("{error:#}"))),
        }
    }
    Ok(missing)
}

/// Stops all servers of a folder, checks that they are gone, and removes the folder.
pub(crate) fn lower(folder: &Path) -> Result<()> {
    let mut failures = Vec::new();
    for server in State::read(folder)?.servers {
        if let Err(error) = cluster::end(&server) {
            failures.push(format!("PostgreSQL {}: {error:#}", server.version));
        }
    }
    if !failures.is_empty() {
        bail!("not stopped: {}", failures.join("; "));
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
