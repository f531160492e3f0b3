//! One server: its cluster is made, configured, started, and at the end removed.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::{CLIENTS, Server};
use crate::process;
use crate::servers::{Certificates, Home, Installation, PASSWORD, Settings, loader};

/// A port that was free may be taken a moment later.
const TRIES: usize = 3;

/// A cluster that is about to be made.
pub(in crate::servers) struct Cluster {
    version: u32,
    installation: Installation,
    home: Home,
}

impl Cluster {
    pub(in crate::servers) fn new(version: u32, installation: Installation, folder: &Path) -> Self {
        let home = Home::new(&installation, folder, &version.to_string());
        Self { version, installation, home }
    }

    /// Returns what must be known to end a server, before it begins.
    pub(in crate::servers) fn planned(&self) -> Server {
        Server {
            version: self.version,
            url: String::new(),
            port: 0,
            pid: 0,
            tls: false,
            root_cert: None,
            client_cert: None,
            client_key: None,
            socket_dir: None,
            bin: None,
            data_dir: self.installation.outside(&self.home.path.join("data")),
            installation: self.installation.clone(),
            home: self.home.path.clone(),
        }
    }

    pub(in crate::servers) fn start(
        &self,
        certificates: &Certificates,
        settings: Settings,
    ) -> Result<Server> {
        self.home.make(&self.installation)?;
        let data = self.home.path.join("data");
        self.initialize(&data)?;
        self.configure(certificates, settings)?;
        self.single_user("CREATE ROLE certuser LOGIN")?;
        let port = self.launch(&data)?;
        let data_dir = self.installation.outside(&data);
        let pid = pid_of(&data_dir).context("the server left no process id")?;
        Ok(Server {
            url: format!("postgres://{user}:{PASSWORD}@127.0.0.1:{port}/postgres", user = "postgres"),
            port,
            pid,
            tls: true,
            root_cert: Some(certificates.root.clone()),
            client_cert: Some(certificates.client.clone()),
            client_key: Some(certificates.client_key.clone()),
            socket_dir: Some(self.home.front.join("socket")),
            bin: self.clients()?,
            ..self.planned()
        })
    }

    fn initialize(&self, data: &Path) -> Result<()> {
        let password = self.home.path.join("password");
        fs::write(self.installation.outside(&password), PASSWORD)?;
        let mut command = self.installation.server("initdb");
        command.arg("--pgdata").arg(data).arg("--pwfile").arg(password);
        command.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        // Says which method is in pg_hba.conf and how the password is stored; the file is then replaced.
        process::run_quietly(command.args(["--auth", self.authentication()]))
    }

    fn authentication(&self) -> &'static str {
        if self.version >= 14 { "scram-sha-256" } else { "md5" }
    }

    fn configure(&self, certificates: &Certificates, settings: Settings) -> Result<()> {
        let data = self.home.path.join("data");
        let file = |name: &str| self.installation.outside(&data.join(name));
        let mut configuration = fs::OpenOptions::new().append(true).open(file("postgresql.conf"))?;
        let Settings { fsync, shared_buffers } = settings;
        write!(
            configuration,
            "listen_addresses = '127.0.0.1'
unix_socket_directories = '{socket}'
max_connections = 200
shared_buffers = {shared_buffers}
max_locks_per_transaction = 256
max_wal_size = 4GB
wal_level = logical
fsync = {fsync}
autovacuum = on
ssl = on
ssl_ca_file = 'root.crt'
",
            socket = self.home.path.join("socket").display()
        )?;
        fs::write(file("pg_hba.conf"), host_based_authentication(self.authentication()))?;
        fs::copy(&certificates.root, file("root.crt"))?;
        fs::copy(&certificates.server, file("server.crt"))?;
        fs::copy(&certificates.server_key, file("server.key"))?;
        fs::set_permissions(file("server.key"), Permissions::from_mode(0o600))?;
        let given = ["root.crt", "server.crt", "server.key"].map(|name| data.join(name));
        self.installation.give(&given.each_ref().map(PathBuf::as_path))
    }

    /// Runs a statement before the server listens.
    fn single_user(&self, statement: &str) -> Result<()> {
        let mut command = self.installation.server("postgres");
        command
            .args(["--single", "-c", "exit_on_error=on", "-D"])
            .arg(self.home.path.join("data"))
            .arg("postgres");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start postgres")?;
        let written = child.stdin.take().context("no input")?.write_all(format!("{statement}\n").as_bytes());
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("postgres --single refused `{statement}`: {}\n{said}", output.status);
        }
        written.context("postgres --single did not read its input")
    }

    fn launch(&self, data: &Path) -> Result<u16> {
        let log = self.home.path.join("log");
        for _ in 0..TRIES {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut command = self.installation.server("pg_ctl");
            command.args(["start", "--silent", "--wait", "--timeout=60", "-o", &format!("-p {port}")]);
            command
                .arg("--pgdata")
                .arg(data)
                .arg("--log")
                .arg(&log)
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if process::run(&mut command).is_ok() {
                return Ok(port);
            }
        }
        let said = fs::read_to_string(self.installation.outside(&log)).unwrap_or_default();
        bail!("the server does not start; its log:\n{said}");
    }

    /// Returns the folder of programs that can be called from outside the server's root.
    fn clients(&self) -> Result<Option<PathBuf>> {
        if !self.installation.has(CLIENTS) {
            return Ok(None);
        }
        let Some(root) = &self.installation.root else { return Ok(Some(self.installation.bin.clone())) };
        let folder = self.home.front.join("bin");
        fs::create_dir(&folder)?;
        for entry in fs::read_dir(self.installation.outside(&self.installation.bin))? {
            loader::offer(&folder, Some(root), &entry?.path())?;
        }
        Ok(Some(folder))
    }
}

/// Stops a server, checks that its process is gone, and removes what it kept.
pub(in crate::servers) fn end(server: &Server) -> Result<()> {
    if let Some(pid) = running(server) {
        for mode in ["fast", "immediate"] {
            let mut command = server.installation.server("pg_ctl");
            command.args(["stop", "--silent", "--wait", "--timeout=30", "--mode", mode, "--pgdata"]);
            if process::succeeds(command.arg(server.home.join("data"))) {
                break;
            }
        }
        if running(server).is_some() {
            bail!("the process {pid} does not end");
        }
    }
    Home::remove(&server.installation, &server.home)
}

/// Returns the process id of a server that runs: by its file, and only if that process serves this very folder.
pub(crate) fn running(server: &Server) -> Option<u32> {
    let pid = pid_of(&server.data_dir)?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let data = server.home.join("data").into_os_string().into_encoded_bytes();
    command.split(|byte| *byte == 0).any(|argument| argument == data).then_some(pid)
}

fn pid_of(data_dir: &Path) -> Option<u32> {
    fs::read_to_string(data_dir.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// `certuser` comes with a certificate, everybody else with a password.
fn host_based_authentication(method: &str) -> String {
    format!(
        "hostssl all         certuser 127.0.0.1/32 cert
host    all         certuser 127.0.0.1/32 reject
local   all         certuser              reject
local   all         all                   {method}
host    all         all      127.0.0.1/32 {method}
local   replication all                   {method}
host    replication all      127.0.0.1/32 {method}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_process_id_is_not_taken_for_a_server() {
        let folder = crate::servers::new_folder().unwrap();
        let installation = Installation { user: "nobody".to_owned(), root: None, bin: "/nowhere".into() };
        let server = Cluster::new(15, installation, &folder).planned();
        assert_eq!(running(&server), None);
        fs::create_dir_all(&server.data_dir).unwrap();
        fs::write(server.data_dir.join("postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(running(&server), None);
        end(&server).unwrap();
        assert!(!server.home.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
