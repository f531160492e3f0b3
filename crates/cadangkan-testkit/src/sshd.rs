//! An SSH server of a test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail, speak, and are told by the environment that nothing may be skipped"
)]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that its start may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Where Debian has it. It wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";

/// A running `sshd`, and a folder with all that it and `ssh` need. Ends with its value.
pub struct Sshd {
    sshd: Child,
    folder: TempDir,
    port: u16,
}

impl Sshd {
    /// Starts one; none where there is no `sshd`, except in CI.
    pub fn start() -> Option<Self> {
        if !Path::new(SSHD).exists() {
            assert!(!in_ci(), "this test needs {SSHD} (package openssh-server)");
            println!("skipped: this test needs {SSHD} (package openssh-server)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for key in ["host", "key", "other"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.path().join(key)));
        }
        fs::copy(folder.path().join("key.pub"), folder.path().join("authorized_keys")).unwrap();
        make_privilege_separation_folder();
        // Another process may take the free port before sshd does.
        let (sshd, port) = (0..5).find_map(|_| start(folder.path())).expect("an sshd that listens");
        let server = Sshd { sshd, folder, port };
        server.know("host.pub");
        let mut config = String::from("Host *\n");
        for (name, file) in [("UserKnownHostsFile", "known_hosts"), ("IdentityFile", "key")] {
            config += &format!("{name} {}\n", server.file(file).display());
        }
        config += "GlobalKnownHostsFile none\nIdentitiesOnly yes\nIdentityAgent none\n";
        fs::write(server.file("config"), config).unwrap();
        Some(server)
    }

    /// A file of this server.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes this the only key that the server is known by.
    pub fn know(&self, public_key: &str) {
        let key = fs::read_to_string(self.file(public_key)).unwrap();
        fs::write(self.file("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    /// Adds a line to the configuration of `ssh`.
    pub fn configure(&self, line: &str) {
        let config = fs::read_to_string(self.file("config")).unwrap();
        fs::write(self.file("config"), format!("{config}{line}\n")).unwrap();
    }

    /// The number of `ssh` processes that use this server.
    pub fn clients(&self) -> usize {
        let config = self.file("config").into_os_string().into_encoded_bytes();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let commands = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        let ours = |command: &Vec<u8>| {
            let mut words = command.split(|byte| *byte == 0);
            words.next().is_some_and(|program| program == b"ssh") && words.any(|word| word == config)
        };
        commands.filter(ours).count()
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci != *"" && ci != *"false" && ci != *"0")
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Run by root, sshd asks for a folder that a package's start script makes.
fn make_privilege_separation_folder() {
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
}

/// Starts sshd on a free port; nothing if it ends instead of listening.
fn start(folder: &Path) -> Option<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let path = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         MaxStartups 200\nSubsystem sftp internal-sftp\nBanner {}\n",
        path("host"),
        path("authorized_keys"),
        path("banner"),
    );
    fs::write(folder.join("banner"), "Authorised use only.\n".repeat(30)).unwrap();
    fs::write(folder.join("sshd_config"), config).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut sshd = Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while sshd.try_wait().unwrap().is_none() {
        let said = fs::read_to_string(folder.join("log")).unwrap();
        if said.contains("Server listening") {
            return Some((sshd, port));
        }
        if begin.elapsed() > LIMIT {
            let _ = sshd.kill();
            panic!("sshd does not listen: {said}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    println!("{}", fs::read_to_string(folder.join("log")).unwrap());
    None
}
