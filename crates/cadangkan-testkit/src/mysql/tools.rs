//! Client programs of a server's own version.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::MysqlServer;

impl MysqlServer {
    /// Makes a command of the stock client of this version (`mysql` or `mariadb`), connected as superuser.
    pub fn client(&self) -> Command {
        let mut command = self.tool("mysql");
        command.args(["--default-character-set=utf8mb4", "--max-allowed-packet=1G"]);
        command
    }

    /// Makes a command of the dump program of this version, with everything but the name of the database.
    ///
    /// One consistent view, with routines, events, triggers, and binary values as hexadecimal numbers.
    pub fn dump_tool(&self) -> Command {
        let mut command = self.tool("mysqldump");
        command.args(["--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--single-transaction"]);
        command.args(["--routines", "--events", "--triggers", "--hex-blob"]);
        if !self.is_mariadb() {
            command.arg("--set-gtid-purged=OFF");
        }
        command
    }

    /// Makes a command of the program that reads binary logs, without arguments.
    pub fn binlog_tool(&self) -> Command {
        Command::new(self.bin.join(self.name_of("mysqlbinlog")))
    }

    /// Makes a command of a client program by MySQL's name (`mysql`, `mysqldump`, `mysqladmin`, …), as superuser.
    pub fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(self.name_of(program)));
        command.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user", Self::USER]);
        command.arg(format!("--port={}", self.port)).env("MYSQL_PWD", Self::PASSWORD);
        command.env("LC_ALL", "C.UTF-8");
        if self.is_mariadb() {
            // Newer ones would say each time that a certificate is not checked.
            command.arg("--skip-ssl-verify-server-cert");
        }
        command
    }

    /// Runs statements by the stock client, stops at the first error, and returns what they print, see
    /// [`TestDatabase::run`](super::TestDatabase::run). An empty name is no database.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn run(&self, database: &str, sql: &str) -> String {
        self.try_run(database, sql).unwrap_or_else(|said| panic!("{self}: {said}"))
    }

    /// Runs statements by the stock client, stops at the first error, and returns what they print, or what the client
    /// complains of.
    ///
    /// # Errors
    /// What the client said, as text.
    pub fn try_run(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.feed(database, sql.as_bytes())?;
        Ok(String::from_utf8(output).expect("the client prints UTF-8"))
    }

    /// Feeds a script of any bytes to the stock client, as `mysql database < script` does.
    ///
    /// # Errors
    /// What the client said, as text.
    pub fn feed(&self, database: &str, script: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = self.client();
        command.args(["--batch", "--skip-column-names", "--binary-mode", "--comments"]);
        if !database.is_empty() {
            command.arg(format!("--database={database}"));
        }
        let output = run_with_input(command, script);
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// MariaDB has names of its own for the programs.
    fn name_of(&self, program: &str) -> String {
        match program.strip_prefix("mysql") {
            Some("") if self.is_mariadb() => "mariadb".to_owned(),
            Some(rest) if self.is_mariadb() => format!("mariadb-{rest}"),
            _ => program.to_owned(),
        }
    }
}

fn run_with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    std::thread::scope(|scope| {
        // It may stop reading at an error, which its exit status tells.
        scope.spawn(move || stdin.write_all(input).is_ok());
        child.wait_with_output().expect("it ends")
    })
}
