//! A newer Debian in a root of its own, built once, with the server of a version.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::Installation;
use super::installation::is_root;
use crate::{process, project, workplace};

/// Returns the server of a version in a root of `suite`, which is built (a minute, 1 GB) when the cache has none.
pub(super) fn obtain(version: u32, suite: &str) -> Result<Installation> {
    if !is_root() || cfg!(not(target_arch = "x86_64")) {
        bail!("Debian {suite} in a root of its own needs root, and x86-64");
    }
    let folder = project::cache()?.join("roots");
    fs::create_dir_all(&folder)?;
    let root = folder.join(format!("{suite}-postgresql-{version}"));
    let bin = Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin");
    let installation = Installation { version, root: Some(root.clone()), bin };

    let lock = File::create(root.with_extension("lock"))?;
    lock.lock().context("cannot lock the cache")?;
    if !root.exists() {
        println!("building Debian {suite} with PostgreSQL {version} (about a minute, once)");
        let partial = root.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        build(suite, &format!("postgresql-{version}"), &partial)?;
        fs::rename(&partial, &root)?;
    }
    if !installation.has_clients() {
        bail!("{} is broken; remove it, and it is built again", root.display());
    }
    Ok(installation)
}

fn build(suite: &str, package: &str, root: &Path) -> Result<()> {
    workplace::install(workplace::FOR_ROOTS)?;
    let mirror = mirror()?;
    let log = root.with_extension("log");
    let mut debootstrap = limited("debootstrap");
    logged(debootstrap.args(["--variant=minbase", suite]).arg(root).arg(mirror), &log)?;

    // Nothing of it may start by itself, and it needs no cluster of its own.
    let policy = root.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, Permissions::from_mode(0o755))?;
    fs::create_dir_all(root.join("etc/postgresql-common"))?;
    fs::write(root.join("etc/postgresql-common/createcluster.conf"), "create_main_cluster = false\n")?;
    fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"))?;

    // Installing needs /proc. It is mounted for this command only, so that nothing stays mounted. The package lists
    // are those that debootstrap checked: those of a mirror that lags behind may be too old for `apt-get update`.
    let script = "mount -t proc proc \"$1/proc\"; root=$1; shift; exec chroot \"$root\" \"$@\"";
    let mut install = limited("unshare");
    install.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]).arg(root);
    install.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes"]);
    install.args(["-qq", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", package]);
    logged(&mut install, &log)?;
    for entry in fs::read_dir(root.join("var/cache/apt/archives"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
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
