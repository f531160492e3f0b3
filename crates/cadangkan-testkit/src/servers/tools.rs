//! Client programs of the newest version, which talk to every server.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{PostgresServer, postgres};

/// A statement that takes longer has hung.
const TIMEOUT: &str = "-c statement_timeout=300s";

impl PostgresServer {
    /// Makes a command of the newest version of a client program, connected as superuser.
    ///
    /// # Panics
    /// When no server that is up brought client programs along.
    pub fn tool(&self, program: &str, database: &str) -> Command {
        self.tool_in(&newest_bin(), program, database)
    }

    /// Makes a command of the server's own version of a client program, or of the newest where it has none.
    pub(super) fn own_tool(&self, program: &str, database: &str) -> Command {
        self.tool_in(&self.bin.clone().unwrap_or_else(newest_bin), program, database)
    }

    fn tool_in(&self, bin: &Path, program: &str, database: &str) -> Command {
        let mut command = Command::new(bin.join(program));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        command.env("PGUSER", Self::USER).env("PGPASSWORD", Self::PASSWORD).env("PGDATABASE", database);
        command.env("PGCONNECT_TIMEOUT", "10").env("PGOPTIONS", TIMEOUT).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs statements by psql, stops at the first error, and returns what they print, unaligned.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|said| panic!("PostgreSQL {}: {said}", self.version))
    }

    /// Runs statements by psql, stops at the first error, and returns what they print, or what psql complains of.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = self.tool("psql", database);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        let output = run_with_input(command, sql.as_bytes());
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).expect("psql prints UTF-8"))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// Returns the folder of the newest client programs.
pub(super) fn newest_bin() -> PathBuf {
    let newest = postgres().into_iter().rev().find_map(|server| server.bin);
    newest.expect("a server that is up with client programs")
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
