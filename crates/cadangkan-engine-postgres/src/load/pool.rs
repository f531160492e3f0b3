//! The connections that load.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_pgwire::{Connection, Target, literal};

use super::look::code;

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(200);

/// How the connections of a pool are set up.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// How long a statement waits for a lock.
    pub(super) lock_timeout: Duration,
    /// The encoding of the rows, where it is not UTF-8.
    pub(super) client_encoding: Option<String>,
    /// Whether the backup is ours, with rows as our dumps write them.
    pub(super) ours: bool,
    /// Whether triggers and foreign keys are switched off.
    pub(super) replica: bool,
}

impl Session {
    /// Statements that make loading fast and independent of the server's and the user's settings. They hold for the
    /// session only, so nothing is to be put back.
    ///
    /// Commits do not wait for the disk (`synchronous_commit`); [`Pool::make_durable`] waits for all of them at once.
    fn statements(&self, version: u32) -> Vec<String> {
        let mut statements = vec![format!(
            "SET synchronous_commit = off; SET statement_timeout = 0; SET lock_timeout = {};
             SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off;
             SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning;
             SET maintenance_work_mem = '256MB'; SET max_parallel_maintenance_workers = 2;
             SET check_function_bodies = off; SET row_security = off; SET xmloption = content; SET jit = off;
             SET standard_conforming_strings = on; SET search_path = ''; SET DateStyle = 'ISO, YMD';
             SET IntervalStyle = 'postgres'; SET default_tablespace = ''",
            self.lock_timeout.as_millis()
        )];
        if version >= 140_000 {
            statements.push("SET idle_session_timeout = 0".to_owned());
        }
        if version >= 170_000 {
            statements.push("SET transaction_timeout = 0".to_owned());
        }
        if let Some(encoding) = &self.client_encoding {
            statements.push(format!("SET client_encoding = {}", literal(encoding)));
        }
        if self.ours {
            // What our dumps write amounts of money with.
            statements.push("SET lc_monetary = 'C'".to_owned());
        }
        if self.replica {
            statements.push("SET session_replication_role = replica".to_owned());
        }
        statements
    }
}

/// When what connections did becomes visible to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// With each statement.
    Nothing,
    /// When the pool is committed: each connection is one transaction.
    UntilCommit,
}

/// Up to `width` connections to one database, opened as they are needed.
pub(super) struct Pool {
    target: Target,
    session: Session,
    hold: Hold,
    width: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Idle ones and those in use.
    open: usize,
    /// A held transaction failed, or was lost with its connection.
    lost: bool,
    /// Settings that the backup itself makes for its definitions and rows.
    preamble: Vec<String>,
}

impl Pool {
    /// Makes a pool; connects when the first connection is needed.
    pub(super) fn new(target: Target, session: Session, hold: Hold, width: usize) -> Pool {
        Pool { target, session, hold, width, state: Mutex::default(), returned: Condvar::new() }
    }

    /// How many connections there may be.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Whether everything happens in transactions that end with the load.
    pub(super) fn is_held(&self) -> bool {
        self.hold == Hold::UntilCommit
    }

    /// Where the connections lead.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Makes settings on the idle connections, and on all that are opened from here on.
    pub(super) fn set_preamble(&self, statements: Vec<String>, control: &Control<'_>) -> Result<()> {
        let mut state = self.lock();
        for connection in &mut state.idle {
            statements.iter().try_for_each(|statement| run_setting(connection, statement, control))?;
        }
        state.preamble = statements;
        Ok(())
    }

    /// Does something on a connection that nobody else uses; waits for one when all are in use.
    pub(super) fn with<T>(
        &self,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.lease(control)?;
        let result = work(&mut connection);
        self.give_back(connection, result.is_ok());
        result
    }

    fn lease(&self, control: &Control<'_>) -> Result<Connection> {
        let mut state = self.lock();
        loop {
            control.check()?;
            if state.lost {
                // The server would only say that the transaction has failed; why, whoever was first knows.
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "stopped, since another part of the transaction failed",
                ));
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(connection);
            }
            if state.open < self.width {
                state.open += 1;
                let preamble = state.preamble.clone();
                drop(state);
                return self.open(&preamble, control).inspect_err(|_| self.lock().open -= 1);
            }
            state = self.returned.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn give_back(&self, connection: Connection, worked: bool) {
        let mut state = self.lock();
        state.lost |= self.is_held() && !worked;
        if connection.is_broken() {
            state.open -= 1;
        } else {
            state.idle.push(connection);
        }
        self.returned.notify_one();
    }

    /// Opens one more connection, which is not one of the pool's.
    pub(super) fn open_beside(&self, control: &Control<'_>) -> Result<Connection> {
        self.open(&[], control)
    }

    fn open(&self, preamble: &[String], control: &Control<'_>) -> Result<Connection> {
        let mut connection = Connection::open(&self.target, control)?;
        // An index or a matview may take hours.
        connection.set_silence(None);
        for statement in self.session.statements(connection.server_version()) {
            connection.execute(&statement, control).context("during", "setting up the session")?;
        }
        for statement in preamble {
            run_setting(&mut connection, statement, control)?;
        }
        if self.is_held() {
            connection.execute("BEGIN", control)?;
        }
        Ok(connection)
    }

    /// Ends the held transactions well, on all connections.
    ///
    /// # Errors
    /// `Partial` when some of several were committed and then one failed.
    pub(super) fn commit(&self, control: &Control<'_>) -> Result<()> {
        if !self.is_held() {
            return Ok(());
        }
        let (mut connections, lost) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.idle), state.lost)
        };
        if lost || connections.iter().any(|connection| !connection.in_transaction()) {
            return Err(Error::new(ErrorKind::Conflict, "a transaction of the restore was lost").hint(
                "nothing was committed: restore again, and look into the server's log when it happens again",
            ));
        }
        for (done, connection) in connections.iter_mut().enumerate() {
            // The commit itself waits for the disk.
            let committed = connection.execute("SET LOCAL synchronous_commit = local; COMMIT", control);
            if let Err(error) = committed {
                let error = error.context("during", "the commit of the restored rows");
                return Err(if done == 0 {
                    error
                } else {
                    error.with_kind(ErrorKind::Partial).context("committed", done)
                });
            }
        }
        let mut state = self.lock();
        state.open = 0;
        Ok(())
    }

    /// Waits until all that was committed so far is on the disk. The log is written in order, so one commit that
    /// waits makes those before it durable too (manual, "Asynchronous Commit").
    pub(super) fn make_durable(&self, control: &Control<'_>) -> Result<()> {
        if self.is_held() {
            return Ok(());
        }
        self.with(control, |connection| {
            // A transaction without a number of its own writes nothing.
            let sql = "BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_catalog.txid_current(); COMMIT";
            connection.execute(sql, control).context("during", "waiting for the disk")?;
            Ok(())
        })
    }

    /// Closes all connections; what was held is rolled back.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.open -= state.idle.len().min(state.open);
        state.idle.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a setting of the backup; one that this server does not know is left out, since a newer pg_dump writes it.
pub(super) fn run_setting(connection: &mut Connection, statement: &str, control: &Control<'_>) -> Result<()> {
    let held = connection.in_transaction();
    if held {
        connection.execute("SAVEPOINT setting", control)?;
    }
    let result = connection.execute(statement, control);
    let is_unknown = result.as_ref().is_err_and(|error| code(error) == Some("42704"));
    if held && (is_unknown || result.is_ok()) {
        let back = if is_unknown { "ROLLBACK TO SAVEPOINT setting; " } else { "" };
        connection.execute(&format!("{back}RELEASE SAVEPOINT setting"), control)?;
    }
    if is_unknown { Ok(()) } else { result.map(drop).context("statement", statement) }
}
