//! Newer Debians in roots of their own, built once, with the servers of some versions.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::installation::is_root;
use crate::{process, project, workplace};

/// A Debian that is newer than the one we need at least.
#[derive(Clone, Copy)]
pub(super) enum Suite {
    Trixie,
    Sid,
}

impl Suite {
    /// The folder of its root, named after what was first in it, so that a root which is there is found.
    fn folder(self) -> &'static str {
        match self {
            Self::Trixie => "trixie-postgresql-17",
            Self::Sid => "sid-postgresql-18",
        }
    }
}

/// As Debian names it.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        })
    }
}

/// Returns the root of a suite with these packages in it; it is built (a minute, 1 GB) when the cache has none, and
/// gets the packages that it lacks.
pub(super) fn obtain(suite: Suite, packages: &[&str]) -> Result<PathBuf> {
    if !is_root() || cfg!(not(target_arch = "x86_64")) {
        bail!("Debian {suite} in a root of its own needs root, and x86-64");
    }
    let folder = project::cache()?.join("roots");
    fs::create_dir_all(&folder)?;
    let root = folder.join(suite.folder());

    let lock = File::create(root.with_extension("lock"))?;
    lock.lock().context("cannot lock the cache")?;
    if !root.exists() {
        println!("building Debian {suite} with {} (about a minute, once)", packages.join(" "));
        let partial = root.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        build(suite, packages, &partial)?;
        fs::rename(&partial, &root)?;
    }
    let missing: Vec<&str> =
        packages.iter().filter(|package| !is_installed(&root, package)).copied().collect();
    if !missing.is_empty() {
        println!("installing {} into the root of Debian {suite} (once)", missing.join(" "));
        complete(&root, &missing)?;
    }
    Ok(root)
}

fn build(suite: Suite, packages: &[&str], root: &Path) -> Result<()> {
    workplace::install(workplace::FOR_ROOTS)?;
    let mirror = mirror()?;
    let log = root.with_extension("log");
    let mut debootstrap = limited("debootstrap");
    logged(debootstrap.args(["--variant=minbase", &suite.to_string()]).arg(root).arg(mirror), &log)?;

    // Nothing of it may start by itself, and it needs no cluster of its own.
    let policy = root.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, Permissions::from_mode(0o755))?;
    fs::create_dir_all(root.join("etc/postgresql-common"))?;
    fs::write(root.join("etc/postgresql-common/createcluster.conf"), "create_main_cluster = false\n")?;
    fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"))?;
    install(root, packages, &log)
}

/// Adds packages to a root that was built earlier, or whose last installation was cut short.
fn complete(root: &Path, packages: &[&str]) -> Result<()> {
    let log = root.with_extension("log");
    logged(&mut inside(root, &["dpkg", "--configure", "--pending"]), &log)?;
    if install(root, packages, &log).is_err() {
        // The mirror has moved on. Its lists may be past their date, but their signatures are checked.
        let update = ["apt-get", "update", "-qq", "-o", "Acquire::Check-Valid-Until=false"];
        logged(&mut inside(root, &update), &log)?;
        install(root, packages, &log)
            .with_context(|| format!("remove {}, and it is built again", root.display()))?;
    }
    Ok(())
}

/// Installs packages by the lists that debootstrap checked: those of a mirror that lags behind may be too old for
/// `apt-get update`.
fn install(root: &Path, packages: &[&str], log: &Path) -> Result<()> {
    let mut install = inside(root, &["apt-get", "install", "--yes", "-qq", "--no-install-recommends"]);
    logged(install.args(["-o", "Dpkg::Options::=--force-confold"]).args(packages), log)?;
    for entry in fs::read_dir(root.join("var/cache/apt/archives"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn is_installed(root: &Path, package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.arg(format!("--admindir={}", root.join("var/lib/dpkg").display()));
    query.args(["--show", "--showformat=${db:Status-Status}", package]).stderr(Stdio::null());
    query.output().is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

/// Makes a command of a program in a root that installs something.
///
/// Installing needs /proc. It is mounted for this command only, so that nothing stays mounted.
fn inside(root: &Path, command: &[&str]) -> Command {
    let script = "mount -t proc proc \"$1/proc\"; root=$1; shift; exec chroot \"$root\" \"$@\"";
    let mut inside = limited("unshare");
    inside.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]).arg(root);
    inside.args(["env", "DEBIAN_FRONTEND=noninteractive"]).args(command);
    inside
}

/// Makes a command that is ended when a mirror keeps it waiting.
fn limited(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["1800", program]);
    command
}

/// Runs a command that says much; its output goes to a file, which an error names.
fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let output = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    process::run(command).with_context(|| format!("see {}", log.display()))
}

/// Returns the mirror that this machine itself uses.
fn mirror() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("no /etc/os-release")?;
    if !release.lines().any(|line| line == "ID=debian") {
        bail!("only a Debian machine has a mirror of other suites of Debian");
    }
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("this Debian has no code name")?;
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"]);
    let targets = process::capture(&mut command)?;
    let wanted = format!("{codename} main ");
    let mirror = targets.lines().find_map(|line| line.strip_prefix(&wanted));
    mirror.map(str::to_owned).context("apt has no mirror of Debian")
}
