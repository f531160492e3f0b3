//! An SFTP server: OpenSSH, in a root of its own, so that its user with a password is none of this machine.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Kind, Launch, Place};
use crate::process;
use crate::servers::roots::{self, Suite};
use crate::servers::{Installation, PASSWORD};

pub(super) const SFTP: Kind = Kind { name: "sftp", obtain, prepare };

/// Who logs in.
const USER: &str = "cadangkan";
const SSHD: &str = "/usr/sbin/sshd";

/// Run by root: only that can become the user who logs in.
fn obtain() -> Result<Installation> {
    let root = roots::obtain(Suite::Trixie, &["openssh-server"])?;
    let inside = |command: &[&str]| {
        let mut chroot = Command::new("chroot");
        chroot.arg(&root).args(command);
        chroot
    };
    if !process::succeeds(&mut inside(&["id", USER])) {
        let add = ["useradd", "--system", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", USER];
        process::run_quietly(&mut inside(&add))?;
    }
    let password = format!("echo {USER}:{PASSWORD} | chpasswd");
    process::run_quietly(&mut inside(&["sh", "-c", &password]))?;
    let installed = Installation { user: "root".to_owned(), root: Some(root), bin: "/usr/sbin".into() };
    if !installed.has(&["sshd"]) {
        bail!("the package openssh-server did not install {SSHD}");
    }
    Ok(installed)
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let owner = format!("{USER}:{USER}");
    let root = place.installation.root.clone().unwrap_or_default();
    process::run(Command::new("chroot").arg(&root).args(["chown", &owner, &files]))?;
    fs::create_dir_all(root.join("run/sshd"))?;
    for name in ["host", "key"] {
        let key = place.outside(name);
        if !key.exists() {
            let mut make = Command::new("ssh-keygen");
            process::run_quietly(make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key))?;
        }
    }
    let path = |name: &str| place.inside(name).display().to_string();
    let configuration = format!(
        "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         KbdInteractiveAuthentication no\nAllowUsers {USER}\nDisableForwarding yes\nSubsystem sftp internal-sftp\n\
         ForceCommand internal-sftp\nMaxStartups 200\n",
        place.port,
        path("host"),
        path("key.pub"),
    );
    fs::write(place.outside("sshd_config"), configuration)?;
    let host = fs::read_to_string(place.outside("host.pub"))?;
    fs::write(place.outside("known_hosts"), format!("[127.0.0.1]:{} {host}", place.port))?;
    let outside = |name: &str| place.outside(name).display().to_string();
    let settings = [
        ("user", USER),
        ("password", PASSWORD),
        ("path", &files),
        ("files", &outside("files")),
        ("key", &outside("key")),
        ("known_hosts", &outside("known_hosts")),
    ];
    Ok(Launch::new(SSHD, &["-D", "-e", "-f", &path("sshd_config")], &settings))
}
