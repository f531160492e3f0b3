//! Dumps in pg_dump's custom format, handed to `pg_restore`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::thread::scope;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_pgwire::Target;

use crate::config::Config;
use crate::tools;

/// What a custom-format dump begins with.
pub(super) const MAGIC: &[u8] = b"PGDMP";

/// How much of what pg_restore says is read.
const MAX_SAID: u64 = 64 * 1024;

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(50);

/// A `pg_restore` that reads its dump from us. Dropped before its end, it is killed.
pub(super) struct Restoring {
    child: Child,
    stdin: Option<ChildStdin>,
    said: File,
}

impl Restoring {
    /// Starts it.
    ///
    /// # Errors
    /// `Unsupported` when there is none on this machine, and for what it cannot do out of a stream.
    pub(super) fn start(
        config: &Config,
        target: &Target,
        version: u32,
        request: &LoadRequest,
    ) -> Result<Restoring> {
        refuse(request)?;
        let tool = tools::find("pg_restore", version / 10_000, config.pg_bin.as_deref())?;
        let io = |error| Error::io("cannot start pg_restore", error);
        // A file takes whatever it says without a thread that reads it.
        let said = tempfile::tempfile().map_err(io)?;
        let mut command = tools::command(&tool, target);
        command
            .args(["--no-password", "--exit-on-error"])
            .arg(format!("--dbname=dbname={}", conninfo_value(target.database())))
            .env(
                "PGOPTIONS",
                "-c client_min_messages=error -c statement_timeout=0 -c synchronous_commit=local",
            )
            .args(arguments(request))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said.try_clone().map_err(io)?);
        let mut child = command.spawn().map_err(io)?;
        let stdin = child.stdin.take();
        Ok(Restoring { child, stdin, said })
    }

    /// Hands on the next bytes; waits while pg_restore is busy.
    pub(super) fn write(&mut self, data: &[u8], control: &Control<'_>) -> Result<()> {
        let Some(mut stdin) = self.stdin.take() else {
            return Err(Error::new(ErrorKind::Internal, "the dump went on behind its end"));
        };
        // The pipe is full for as long as one statement takes: a thread waits for it, and this one for a request to
        // stop, which ends pg_restore and with it the other's wait.
        let written = scope(|scope| {
            let writer = scope.spawn(|| stdin.write_all(data));
            while !writer.is_finished() {
                if control.check().is_err() {
                    let _ = self.child.kill();
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            writer.join()
        });
        control.check()?;
        match written {
            Ok(Ok(())) => {
                self.stdin = Some(stdin);
                Ok(())
            }
            // It has ended: why, it says itself.
            Ok(Err(_)) => Err(self
                .finish(control)
                .err()
                .unwrap_or_else(|| failed("pg_restore did not read all of the dump"))),
            Err(_) => Err(Error::new(ErrorKind::Internal, "a thread that feeds pg_restore panicked")),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What it said when it failed; `Cancelled` when the run was stopped.
    pub(super) fn finish(&mut self, control: &Control<'_>) -> Result<()> {
        drop(self.stdin.take());
        let status = loop {
            control.check()?;
            let ended =
                self.child.try_wait().map_err(|error| Error::io("cannot wait for pg_restore", error))?;
            match ended {
                Some(status) => break status,
                None => std::thread::sleep(TURN),
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = self.said();
        let line = said.lines().find(|line| line.contains("error:")).or(said.lines().next_back());
        let line = line.map_or_else(|| status.to_string(), str::to_owned);
        let message = format!("pg_restore failed: {line}");
        if line.contains("unrecognized configuration parameter") {
            // pg_restore 17 sets transaction_timeout, whatever the server is.
            return Err(Error::new(ErrorKind::Unsupported, message).hint(
                "this pg_restore is newer than the server: install the client programs of the server's version, or name their folder with pg_bin; or convert the dump with `pg_restore -f dump.sql` and restore that",
            ));
        }
        let error = failed(&message);
        Err(
            if line.contains("unsupported version")
                || line.contains("could not read")
                || line.contains("unexpected end of file")
            {
                error.with_kind(ErrorKind::DamagedBackup)
            } else {
                error
            },
        )
    }

    fn said(&mut self) -> String {
        let mut bytes = Vec::new();
        // Nothing said is as good as nothing that can be read.
        let _ = self
            .said
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&self.said).take(MAX_SAID).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Gone already, or the system reaps it with us.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn failed(message: &str) -> Error {
    Error::new(ErrorKind::Io, message)
        .hint("run pg_restore on the file by hand to see more; `pg_restore --list` shows what is in it")
}

fn refuse(request: &LoadRequest) -> Result<()> {
    let options = &request.options;
    let what = if request.selection.is_of_tables() || !request.selection.exclude_data.is_empty() {
        "a selection of tables"
    } else if !options.rename_schemas.is_empty() {
        "schemas under another name"
    } else if options.globals {
        "roles"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Unsupported, format!("{what} cannot be restored out of a custom-format dump"))
        .hint(
            "restore all of it to another database with `--to`, or convert it with `pg_restore -f dump.sql`",
        ))
}

fn arguments(request: &LoadRequest) -> Vec<&'static str> {
    let options = &request.options;
    let wishes = [
        (options.no_owner, "--no-owner"),
        (options.no_privileges, "--no-privileges"),
        (options.single_transaction, "--single-transaction"),
        (request.selection.schema_only, "--schema-only"),
        (request.mode == LoadMode::Data, "--data-only"),
        (request.mode == LoadMode::Clean, "--clean"),
        (request.mode == LoadMode::Clean, "--if-exists"),
    ];
    wishes.into_iter().filter(|(wished, _)| *wished).map(|(_, argument)| argument).collect()
}

/// Quotes a value of a connection string (manual, "Keyword/Value Connection Strings"): a name may look like one.
fn conninfo_value(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_connection_string_stays_a_name() {
        assert_eq!(conninfo_value("a' host='evil\\"), "'a\\' host=\\'evil\\\\'");
    }

    #[test]
    fn wishes_become_arguments_or_are_refused() {
        let mut request = LoadRequest { mode: LoadMode::Clean, ..LoadRequest::default() };
        request.options.no_owner = true;
        assert_eq!(arguments(&request), ["--no-owner", "--clean", "--if-exists"]);
        assert!(refuse(&request).is_ok());
        request.options.rename_schemas = vec![("a".into(), "b".into())];
        assert_eq!(refuse(&request).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
