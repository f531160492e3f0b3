//! The connections that load.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_engine::each;
use cadangkan_mywire::{Connection, Target};

use super::session::Session;
use super::statement::code;

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(200);

/// When what connections did becomes visible to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// With each piece.
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
    preamble: Vec<Vec<u8>>,
}

impl Pool {
    /// Makes a pool; connects when the first connection is needed.
    pub(super) fn new(target: Target, session: Session, hold: Hold, width: usize) -> Pool {
        let width = width.max(1);
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

    /// Makes settings on the idle connections, and on all that are opened from here on.
    pub(super) fn set_preamble(&self, statements: Vec<Vec<u8>>, control: &Control<'_>) -> Result<()> {
        let mut state = self.lock();
        for connection in &mut state.idle {
            self.prepare(connection, &statements, control)?;
        }
        state.preamble = statements;
        Ok(())
    }

    /// Does something on a connection that nobody else uses; waits for one when all are in use. What it did is
    /// committed, or rolled back when it failed, unless it is held.
    pub(super) fn with<T>(
        &self,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.lease(control)?;
        let mut result = work(&mut connection);
        if !self.is_held() && !connection.is_broken() && connection.in_transaction() {
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = connection.execute(end, control).context("during", "the commit of what was loaded");
            if let (Ok(_), Err(error)) = (&result, ended) {
                result = Err(error);
            }
        }
        self.give_back(connection, result.is_ok());
        result
    }

    /// Does something with a table whose engine has no transactions: each statement is committed by itself, as MySQL
    /// asks for where it keeps GTIDs. What is held stays held.
    pub(super) fn without_transaction<T>(
        &self,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        if !self.is_held() {
            return self.with(control, |connection| autocommitted(connection, control, work));
        }
        let preamble = self.lock().preamble.clone();
        autocommitted(&mut self.open(&preamble, control)?, control, work)
    }

    /// Does something with each item, on as many connections as there may be. The first failure stops the others.
    pub(super) fn each<T: Sync>(
        &self,
        items: &[T],
        control: &Control<'_>,
        work: impl Fn(&mut Connection, &T, &Control<'_>) -> Result<()> + Sync,
    ) -> Result<()> {
        each(items, self.width, control, |item, control| {
            self.with(control, |connection| work(connection, item, control))
        })
        .map(drop)
    }

    fn lease(&self, control: &Control<'_>) -> Result<Connection> {
        let mut state = self.lock();
        loop {
            control.check()?;
            if state.lost {
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
            state.open = state.open.saturating_sub(1);
        } else {
            state.idle.push(connection);
        }
        self.returned.notify_one();
    }

    fn open(&self, preamble: &[Vec<u8>], control: &Control<'_>) -> Result<Connection> {
        let mut connection = Connection::open(&self.target, control)?;
        // An index may take hours.
        connection.set_silence(None);
        self.prepare(&mut connection, preamble, control)?;
        Ok(connection)
    }

    /// Makes the backup's settings, and ours over them.
    fn prepare(
        &self,
        connection: &mut Connection,
        preamble: &[Vec<u8>],
        control: &Control<'_>,
    ) -> Result<()> {
        for statement in preamble {
            run_setting(connection, statement, control)?;
        }
        self.session.set_up(connection, control)
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
            state.open = 0;
            (std::mem::take(&mut state.idle), state.lost)
        };
        if lost {
            return Err(Error::new(ErrorKind::Conflict, "a transaction of the restore was lost").hint(
                "nothing was committed: restore again, and look into the server's log when it happens again",
            ));
        }
        for (done, connection) in connections.iter_mut().enumerate() {
            if let Err(error) = connection.execute("COMMIT", control) {
                let error = error.context("during", "the commit of the restored rows");
                return Err(match done {
                    0 => error,
                    _ => error.with_kind(ErrorKind::Partial).context("committed", done),
                });
            }
        }
        Ok(())
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

/// Does something with each statement committed by itself; what was open before is committed first.
pub(super) fn autocommitted<T>(
    connection: &mut Connection,
    control: &Control<'_>,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    connection.execute("SET SESSION autocommit = 1", control)?;
    let result = work(connection);
    if !connection.is_broken() {
        connection.execute("SET SESSION autocommit = 0", control)?;
    }
    result
}

/// Makes a setting of the backup; one that this server does not know, or does not let this user make, is left out.
pub(super) fn run_setting(
    connection: &mut Connection,
    statement: &[u8],
    control: &Control<'_>,
) -> Result<()> {
    match connection.execute(statement, control) {
        // Unknown; not for this session; not for this user; unknown value, as of a mode of another version.
        Err(error) if matches!(code(&error), Some(1193 | 1229 | 1227 | 1231 | 1238)) => Ok(()),
        Err(error) => Err(error.context("statement", super::statement::shown(statement))),
        Ok(_) => Ok(()),
    }
}
