//! Reads the database file through SQLite's own file handle.
//!
//! Nothing in this process may open the file a second time: POSIX drops all locks that a process holds on a file as
//! soon as it closes any descriptor of it (<https://sqlite.org/howtocorrupt.html>, 2.2).
#![allow(unsafe_code, reason = "the only way to SQLite's own file handle is its C interface")]

use std::os::raw::{c_int, c_void};

use rusqlite::Connection;
use rusqlite::ffi::{
    SQLITE_FCNTL_FILE_POINTER, SQLITE_IOERR_READ, SQLITE_OK, sqlite3_file, sqlite3_file_control,
    sqlite3_int64,
};

/// The unix VFS reads fewer bytes than it was asked for when a call asks for 128 KiB or more.
const LARGEST_READ: usize = 64 * 1024;

/// The open file of a connection's main database.
pub(crate) struct MainFile<'conn> {
    file: *mut sqlite3_file,
    connection: &'conn Connection,
}

impl<'conn> MainFile<'conn> {
    /// Finds the file; `None` when the database has none, as one in memory.
    pub(crate) fn of(connection: &'conn Connection) -> Option<MainFile<'conn>> {
        let mut file: *mut sqlite3_file = std::ptr::null_mut();
        // SAFETY: the handle is valid while `connection` is borrowed, the name ends with a zero byte, and
        // SQLITE_FCNTL_FILE_POINTER writes one `sqlite3_file*` to its argument (sqlite.org/c3ref/c_fcntl_begin_atomic_write.html).
        let code = unsafe {
            let argument = (&raw mut file).cast::<c_void>();
            sqlite3_file_control(connection.handle(), c"main".as_ptr(), SQLITE_FCNTL_FILE_POINTER, argument)
        };
        // SAFETY: a non-null pointer is SQLite's open file, alive as long as the connection; `pMethods` is null
        // for a file that is not open.
        let is_open = code == SQLITE_OK && !file.is_null() && unsafe { !(*file).pMethods.is_null() };
        is_open.then_some(MainFile { file, connection })
    }

    /// Size of the file in bytes; fails with SQLite's code.
    pub(crate) fn size(&self) -> Result<u64, c_int> {
        let mut size: sqlite3_int64 = 0;
        // SAFETY: `of` made sure that the file is open, and `connection` keeps it so; xFileSize writes one integer.
        let code = unsafe {
            let Some(file_size) = (*(*self.file).pMethods).xFileSize else { return Err(SQLITE_IOERR_READ) };
            file_size(self.file, &raw mut size)
        };
        if code == SQLITE_OK { u64::try_from(size).map_err(|_| SQLITE_IOERR_READ) } else { Err(code) }
    }

    /// Appends `length` bytes of the file from `offset` on; fails with SQLite's code, also when it is shorter.
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>, offset: u64, length: usize) -> Result<(), c_int> {
        debug_assert!(!self.connection.is_autocommit(), "the bytes only stand still within a transaction");
        buffer.reserve(length);
        let mut done = 0;
        while done < length {
            let step = (length - done).min(LARGEST_READ);
            let position = offset.checked_add(done as u64).and_then(|at| sqlite3_int64::try_from(at).ok());
            let (Some(position), Ok(amount)) = (position, c_int::try_from(step)) else {
                return Err(SQLITE_IOERR_READ);
            };
            let Some(target) = buffer.spare_capacity_mut().get_mut(..step) else {
                return Err(SQLITE_IOERR_READ);
            };
            // SAFETY: the file is open as above; `target` has room for `step` bytes, and xRead fills exactly that
            // many when it returns SQLITE_OK, so that they are initialised when the length is raised.
            unsafe {
                let Some(read) = (*(*self.file).pMethods).xRead else { return Err(SQLITE_IOERR_READ) };
                let code = read(self.file, target.as_mut_ptr().cast::<c_void>(), amount, position);
                if code != SQLITE_OK {
                    return Err(code);
                }
                buffer.set_len(buffer.len() + step);
            }
            done += step;
        }
        Ok(())
    }
}
