//! One server: its data are made, it is started, and at the end removed.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::releases::server_program;
use super::{Flavor, Release, Server, configuration};
use crate::process;
use crate::servers::{Certificates, Home, Installation, PASSWORD, Settings, loader};

/// A port that was free may be taken a moment later.
const TRIES: usize = 3;
const START: Duration = Duration::from_secs(90);
/// How long a server may take to end in good order.
const END: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// A server that is about to be made.
pub(in crate::servers) struct Cluster {
    release: Release,
    installation: Installation,
    home: Home,
    /// The folder of what all servers of the set share.
    tls: PathBuf,
}

impl Cluster {
    pub(in crate::servers) fn new(release: Release, installation: Installation, folder: &Path) -> Self {
        let name = format!("{}-{}", release.flavor.name().to_lowercase(), release.version);
        let home = Home::new(&installation, folder, &name);
        Self { release, installation, home, tls: folder.join("tls") }
    }

    /// Returns what must be known to end a server, before it begins.
    pub(in crate::servers) fn planned(&self) -> Server {
        Server {
            flavor: self.release.flavor,
            version: self.release.version.to_owned(),
            url: String::new(),
            port: 0,
            pid: 0,
            socket: self.home.front.join("socket/mysqld.sock"),
            root_cert: self.tls.join("root.crt"),
            client_cert: self.tls.join("client.crt"),
            client_key: self.tls.join("client.key"),
            bin: self.home.front.join("bin"),
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
        self.configure(certificates, settings)?;
        self.offer_clients()?;
        self.initialize().with_context(|| self.log())?;
        let (port, pid) = self.launch()?;
        let url = format!("mysql://{user}:{PASSWORD}@127.0.0.1:{port}/", user = "root");
        Ok(Server { url, port, pid, ..self.planned() })
    }

    fn configure(&self, certificates: &Certificates, settings: Settings) -> Result<()> {
        let file = |name: &str| self.installation.outside(&self.home.path.join(name));
        let options = configuration::option_file(self.release.flavor, &self.home.path, settings);
        fs::write(file(OPTIONS), options)?;
        fs::write(file(FIRST), configuration::first_statements())?;
        fs::copy(&certificates.root, file("root.crt"))?;
        fs::copy(&certificates.server, file("server.crt"))?;
        fs::copy(&certificates.server_key, file("server.key"))?;
        fs::set_permissions(file("server.key"), Permissions::from_mode(0o600))?;
        let given = ["root.crt", "server.crt", "server.key"].map(|name| self.home.path.join(name));
        self.installation.give(&given.each_ref().map(PathBuf::as_path))
    }

    fn offer_clients(&self) -> Result<()> {
        let folder = self.home.front.join("bin");
        fs::create_dir(&folder)?;
        for program in self.release.flavor.clients() {
            let path = self.installation.outside(&self.installation.bin.join(program));
            loader::offer(&folder, self.installation.root.as_deref(), &path)?;
        }
        Ok(())
    }

    fn initialize(&self) -> Result<()> {
        let mut command = match self.release.flavor {
            Flavor::Mysql => self.server(&server_program(Flavor::Mysql), &["--initialize-insecure"]),
            Flavor::Mariadb => {
                let settings = ["--auth-root-authentication-method=normal", "--skip-test-db"];
                self.server("mariadb-install-db", &settings)
            }
        };
        process::run_quietly(&mut command)
    }

    /// Starts the server, and returns its port and process.
    fn launch(&self) -> Result<(u16, u32)> {
        for _ in 0..TRIES {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let first = format!("--init-file={}", self.home.path.join(FIRST).display());
            let program = server_program(self.release.flavor);
            let mut command = self.server(&program, &[&format!("--port={port}"), &first]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            // In a group of its own, Ctrl-C does not reach it.
            let mut child = command.process_group(0).spawn().context("cannot start the server")?;
            if self.answers(port, &mut child)? {
                return Ok((port, child.id()));
            }
        }
        bail!("the server does not start; {}", self.log());
    }

    /// Waits until the superuser can log in; false when the server ended.
    fn answers(&self, port: u16, child: &mut Child) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if child.try_wait()?.is_some() {
                return Ok(false);
            }
            let [client, ..] = self.release.flavor.clients() else { bail!("no client is known") };
            let mut command = Command::new(self.home.front.join("bin").join(client));
            command.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root"]);
            command.arg(format!("--port={port}")).args(["--execute", "SELECT 1"]).env("MYSQL_PWD", PASSWORD);
            if process::succeeds(&mut command) {
                return Ok(true);
            }
            std::thread::sleep(PAUSE);
        }
        bail!("the server starts, but nobody can log in; {}", self.log())
    }

    /// Makes a command with the server's option file, which must be named first.
    fn server(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.installation.server(program);
        command.arg(mark(&self.home.path)).args(arguments);
        command
    }

    fn log(&self) -> String {
        let log = self.installation.outside(&self.home.path.join("log"));
        format!("its log:\n{}", fs::read_to_string(log).unwrap_or_default())
    }
}

const OPTIONS: &str = "my.cnf";
/// What is run when the server starts.
const FIRST: &str = "first.sql";

/// Stops a server, checks that its processes are gone, and removes what it kept.
pub(in crate::servers) fn end(server: &Server) -> Result<()> {
    for signal in ["-TERM", "-KILL"] {
        let begun = Instant::now();
        let mut pids = processes(&server.home);
        process::succeeds(Command::new("kill").arg(signal).args(pids.iter().map(u32::to_string)));
        while !pids.is_empty() && begun.elapsed() < END {
            std::thread::sleep(PAUSE);
            pids = processes(&server.home);
        }
    }
    let pids = processes(&server.home);
    if !pids.is_empty() {
        bail!("processes do not end: {pids:?}");
    }
    Home::remove(&server.installation, &server.home)
}

/// Tells whether a server runs.
pub(crate) fn running(server: &Server) -> bool {
    !processes(&server.home).is_empty()
}

/// Returns the processes that were started with the option file of a home.
///
/// The file that a server itself writes its process id to comes late, when it may be running for seconds already.
fn processes(home: &Path) -> Vec<u32> {
    let mark = mark(home).into_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if command.split(|byte| *byte == 0).any(|argument| argument == mark) {
            found.push(pid);
        }
    }
    found
}

/// The argument by which every process of a server is known.
fn mark(home: &Path) -> String {
    format!("--defaults-file={}", home.join(OPTIONS).display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::new_folder;

    #[test]
    fn whatever_has_the_option_file_is_ended_also_before_it_writes_a_file() {
        let folder = new_folder().unwrap();
        let installation = Installation { user: "nobody".to_owned(), root: None, bin: "/nowhere".into() };
        let cluster = Cluster::new(super::super::ALL[0], installation, &folder);
        let server = cluster.planned();
        assert!(!running(&server));
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; read never", "sh", &mark(&cluster.home.path)]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut started = [0; 8];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut started).unwrap();
        assert!(running(&server));
        std::thread::scope(|scope| {
            // A process that nobody waits for has no command line any more, too.
            scope.spawn(|| end(&server).unwrap());
            assert!(!child.wait().unwrap().success());
        });
        fs::remove_dir_all(folder).unwrap();
    }
}
