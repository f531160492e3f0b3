use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Control, Result};
use cadangkan_engine::Users;
use cadangkan_mywire::{Connection, Target};

use super::users::{Accounts, Found, Scope, side_file};
use crate::session::{is, open};
use crate::view::View;

/// A connection outside of the snapshot, opened when it is first needed: what is read within keeps others from changing
/// accounts until the snapshot ends.
pub(super) struct Aside {
    pub(super) target: Target,
    connection: Mutex<Option<Connection>>,
    accounts: Mutex<Option<Accounts>>,
}

impl Aside {
    pub(super) fn new(target: Target) -> Self {
        Aside { target, connection: Mutex::default(), accounts: Mutex::default() }
    }

    /// Reads the accounts that concern a database.
    pub(super) fn users(
        &self,
        view: &View,
        scope: &Scope<'_>,
        wish: Users,
        control: &Control<'_>,
    ) -> Result<Found> {
        let mut kept = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |connection: &mut Connection| side_file(connection, &mut kept, scope, wish, control);
        self.read(view, read, control)
    }

    /// Reads there, or in the view where the server takes no more connections.
    fn read<T>(
        &self,
        view: &View,
        read: impl FnOnce(&mut Connection) -> Result<T>,
        control: &Control<'_>,
    ) -> Result<T> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match kept.take().filter(|connection| !connection.is_broken()) {
            Some(connection) => connection,
            None => match open(&self.target, control) {
                Err(error) if is(&error, &[1040, 1203, 1226]) => return view.coordinate(read),
                opened => opened?,
            },
        };
        let result = read(&mut connection);
        *kept = Some(connection);
        result
    }
}
