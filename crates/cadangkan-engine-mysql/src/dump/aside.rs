use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Control, Result};
use cadangkan_mywire::{Connection, Target};

use crate::session::{is, open};
use crate::view::View;

/// A connection outside of the snapshot, opened when it is first needed: what is read within keeps others from changing
/// accounts until the snapshot ends.
pub(super) struct Aside {
    pub(super) target: Target,
    connection: Mutex<Option<Connection>>,
}

impl Aside {
    pub(super) fn new(target: Target) -> Self {
        Aside { target, connection: Mutex::default() }
    }

    /// Reads there, or in the view where the server takes no more connections.
    pub(super) fn read<T>(
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
