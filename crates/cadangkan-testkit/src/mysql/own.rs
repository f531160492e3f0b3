//! Servers of a test's own, for what would change a shared one for good.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::MysqlServer;
use super::database::{fail, random_name};

/// How long a server may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that ends with the value.
pub struct OwnServer {
    /// Where it is; its superuser is the shared ones'.
    pub server: MysqlServer,
    child: Child,
    /// As seen on this machine.
    folder: PathBuf,
}

impl MysqlServer {
    /// Starts an empty server of the same program, with a binary log and GTIDs as the shared one has. None, and a line,
    /// where this process may not: it takes root.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn another(&self) -> Option<OwnServer> {
        self.another_with(&[])
    }

    /// Starts one with options of its own, as [`MysqlServer::another`] does.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn another_with(&self, options: &[&str]) -> Option<OwnServer> {
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let (root, program) = (fs::read_link(process.join("root")), fs::read_link(process.join("exe")));
        let (Ok(root), Ok(program), true) = (root, program, is_root) else {
            eprintln!("skipped, a server of one's own takes root");
            return None;
        };
        let inside = Path::new("/tmp").join(random_name());
        let folder = under(&root, &inside);
        let as_others = fs::metadata(&process).unwrap();
        for made in [folder.clone(), folder.join("tmp")] {
            fs::create_dir_all(&made).unwrap();
            chown(&made, Some(as_others.uid()), Some(as_others.gid())).unwrap();
        }
        let program = Path::new("/").join(program.strip_prefix(&root).unwrap_or(&program));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = format!("--datadir={}", inside.join("data").display());
        // A server that starts takes away what others have in the same folder for temporary tables.
        let temporary = format!("--tmpdir={}", inside.join("tmp").display());
        let make = |program: &Path| {
            let mut command = Command::new("chroot");
            command.arg(&root).arg(program).args(["--no-defaults", "--user=mysql", &data, &temporary]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let mut initialize = if self.is_mariadb() {
            let mut command = make(Path::new("/usr/bin/mariadb-install-db"));
            command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        } else {
            let mut command = make(&program);
            command.arg("--initialize-insecure").args(options);
            command
        };
        let made = initialize.output().unwrap();
        assert!(made.status.success(), "{self}: {}", String::from_utf8_lossy(&made.stderr));
        fs::write(folder.join("first.sql"), FIRST).unwrap();
        let path = |name: &str| inside.join(name).display().to_string();
        let mut command = make(&program);
        command.args([
            "--bind-address=127.0.0.1",
            "--log-bin=log",
            "--server-id=77",
            "--performance-schema=OFF",
        ]);
        command.args(["--innodb-buffer-pool-size=32M", "--skip-name-resolve", &format!("--port={port}")]);
        command.args([format!("--socket={}", path("socket")), format!("--pid-file={}", path("pid"))]);
        command
            .args([format!("--init-file={}", path("first.sql")), format!("--log-error={}", path("errors"))]);
        command.args(options);
        if !self.is_mariadb() {
            command.args([
                "--gtid-mode=ON",
                "--enforce-gtid-consistency=ON",
                "--mysqlx=OFF",
                "--secure-file-priv=",
            ]);
        }
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let server = MysqlServer {
            url: format!("mysql://{}:{}@127.0.0.1:{port}/", Self::USER, Self::PASSWORD),
            port,
            socket: folder.join("socket"),
            pid: child.id(),
            data_dir: folder.join("data"),
            ..self.clone()
        };
        let mut own = OwnServer { server, child, folder };
        own.wait();
        Some(own)
    }
}

/// What is run as it starts; nothing of it goes into the log.
const FIRST: &str = "SET sql_log_bin = 0;
CREATE USER IF NOT EXISTS root@'127.0.0.1';
ALTER USER root@'127.0.0.1' IDENTIFIED BY 'pw';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO root@'127.0.0.1' WITH GRANT OPTION;
";

fn under(root: &Path, inside: &Path) -> PathBuf {
    root.join(inside.strip_prefix("/").unwrap_or(inside))
}

impl OwnServer {
    fn wait(&mut self) {
        let begun = Instant::now();
        while self.server.try_run("", "SELECT 1").is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(self.folder.join("errors")).unwrap_or_default();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "{} does not start: {}",
                self.server,
                log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended.and_then(|_| fs::remove_dir_all(&self.folder)) {
            fail(&format!("cannot end {}: {error}", self.server));
        }
    }
}
