//! Lets a socket gather bytes before it wakes whoever reads.
#![allow(unsafe_code, reason = "no safe library in use here sets SO_RCVLOWAT")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Sets how many bytes must have come before a read that waits returns (socket(7), `SO_RCVLOWAT`); 1 is the
/// system's own way. The time limit of a read holds all the same, and gives what is there.
pub(crate) fn set_least(descriptor: &OwnedFd, bytes: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open while it is borrowed, and the option takes an `int` of the length that is given.
    let result = unsafe {
        libc::setsockopt(
            descriptor.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            std::ptr::from_ref(&bytes).cast(),
            size_of_val(&bytes) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
