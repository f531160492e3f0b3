//! What a plain Debian machine lacks, and how to get it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{process, project};

/// A program of the system, and the Debian package that has it.
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
}

/// What the tests call.
pub(crate) const FOR_TESTS: &[Tool] = &[
    Tool { program: "age", package: "age" },
    Tool { program: "argon2", package: "argon2" },
    Tool { program: "dbus-daemon", package: "dbus-daemon" },
    Tool { program: "dbus-send", package: "dbus-bin" },
    Tool { program: "gnome-keyring-daemon", package: "gnome-keyring" },
    Tool { program: "secret-tool", package: "libsecret-tools" },
    Tool { program: "gzip", package: "gzip" },
    Tool { program: "openssl", package: "openssl" },
    Tool { program: "python3", package: "python3" },
    Tool { program: "sqlite3", package: "sqlite3" },
    Tool { program: "git", package: "git" },
    Tool { program: "pdftotext", package: "poppler-utils" },
    Tool { program: "sshd", package: "openssh-server" },
    Tool { program: "strace", package: "strace" },
    Tool { program: "systemd-analyze", package: "systemd" },
    Tool { program: "xz", package: "xz-utils" },
    Tool { program: "zstd", package: "zstd" },
];

/// What builds another suite of Debian in a root of its own.
pub(crate) const FOR_ROOTS: &[Tool] = &[Tool { program: "debootstrap", package: "debootstrap" }];

/// What fetches servers that Debian does not have.
pub(crate) const FOR_NPM: &[Tool] = &[Tool { program: "npm", package: "npm" }];

/// What builds a server that nobody packs.
pub(crate) const FOR_GO: &[Tool] = &[Tool { program: "go", package: "golang-go" }];

/// What serves WebDAV, and is a storage itself.
pub(crate) const FOR_WEBDAV: &[Tool] = &[Tool { program: "rclone", package: "rclone" }];

/// What makes the data to measure servers with.
pub(crate) const FOR_TPCH: &[Tool] = &[Tool { program: "pip3", package: "python3-pip" }];

/// What a measurement calls.
pub(crate) const FOR_BENCH: &[Tool] = &[
    Tool { program: "python3", package: "python3" },
    Tool { program: "sqlite3", package: "sqlite3" },
    Tool { program: "time", package: "time" },
    Tool { program: "zstd", package: "zstd" },
];

/// What MariaDB is measured beside.
pub(crate) const FOR_BENCH_OF_MYSQL: &[Tool] =
    &[Tool { program: "gzip", package: "gzip" }, Tool { program: "mydumper", package: "mydumper" }];

/// Installs those tools that are missing, or says what to install.
///
/// # Errors
/// When a tool is missing and cannot be installed: no apt, not root, or no package source in reach.
pub(crate) fn install(tools: &[Tool]) -> Result<()> {
    let missing = tools.iter().filter(|tool| process::find(tool.program).is_none());
    let packages: Vec<&str> = missing.map(|tool| tool.package).collect();
    install_packages(&packages)
}

/// Installs packages of Debian, or says what to install.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    let root = process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if process::find("apt-get").is_none() || !root {
        bail!("missing: {wanted}; install them, for example with `sudo apt-get install {wanted}`");
    }
    println!("installing {wanted}");
    if !process::succeeds(&mut apt_get(&["install"], packages)) {
        process::run(&mut apt_get(&["update"], &[]))?;
        process::run(&mut apt_get(&["install"], packages))?;
    }
    Ok(())
}

fn apt_get(verb: &[&str], packages: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-qq", "--yes", "--no-install-recommends"]).args(verb).args(packages);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Installs one exact version of a cargo tool into the cache folder, and returns its executable.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let folder = project::cache()?.join("tools").join(format!("{name}-{version}"));
    let executable = folder.join("bin").join(name);
    if !executable.is_file() {
        println!("installing {name} {version} (once, some minutes)");
        let mut command =
            project::cargo(&["install", "--quiet", "--locked", name, "--version", version, "--root"])?;
        // Its products are of no further use, and must not share our flags or our target folder.
        command.arg(&folder).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        process::run(&mut command).with_context(|| format!("cannot install {name} {version}"))?;
    }
    Ok(executable)
}

/// The two programs of LLVM that read coverage, of the version rustc has.
pub(crate) struct LlvmTools {
    pub(crate) cov: PathBuf,
    pub(crate) profdata: PathBuf,
}

/// Finds LLVM's tools: rustup's component, else Debian's package of the same major version.
pub(crate) fn llvm_tools() -> Result<LlvmTools> {
    if let Some(tools) = llvm_of_rustup()? {
        return Ok(tools);
    }
    if process::find("rustup").is_some() {
        println!("installing rustup's llvm-tools");
        process::succeeds(Command::new("rustup").args(["component", "add", "llvm-tools"]));
        if let Some(tools) = llvm_of_rustup()? {
            return Ok(tools);
        }
    }
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    let version = version.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major =
        version.and_then(|version| version.split('.').next()).context("rustc names no LLVM version")?;
    let (cov, profdata) = (format!("llvm-cov-{major}"), format!("llvm-profdata-{major}"));
    if process::find(&cov).is_none() {
        install_packages(&[&format!("llvm-{major}")])?;
    }
    let cov = process::find(&cov).with_context(|| format!("no {cov}"))?;
    let profdata = process::find(&profdata).with_context(|| format!("no {profdata}"))?;
    Ok(LlvmTools { cov, profdata })
}

fn llvm_of_rustup() -> Result<Option<LlvmTools>> {
    let library = process::capture(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let folder = PathBuf::from(library.trim()).with_file_name("bin");
    let tools = LlvmTools { cov: folder.join("llvm-cov"), profdata: folder.join("llvm-profdata") };
    Ok((tools.cov.is_file() && tools.profdata.is_file()).then_some(tools))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_missing_installs_nothing() {
        install(&[Tool { program: "sh", package: "no-such-package-anywhere" }]).unwrap();
    }
}
