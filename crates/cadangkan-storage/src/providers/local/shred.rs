//! Files overwritten before they are removed, as far as that reaches.

use std::io::{self, Write as _};
use std::path::Path;

use super::folder::Folder;

/// Bytes written at once.
const PIECE: usize = 1 << 20;

/// Overwrites a file in its place with zeros, and waits until these are on the disk. Done also when there is none.
pub(super) fn overwrite(folder: &Folder, name: &str) -> io::Result<()> {
    let Some(mut file) = folder.open_to_overwrite(name)? else { return Ok(()) };
    let (zeros, mut left) = (vec![0; PIECE], file.metadata()?.len());
    while left > 0 {
        let count = zeros.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(zeros.get(..count).unwrap_or_default())?;
        left -= count as u64;
    }
    file.sync_all()
}

/// Says what overwriting does in a folder.
pub(super) fn about(root: &Path) -> String {
    match copying(root) {
        Some(name) => format!(
            "overwritten and removed, but {name} writes elsewhere: the old bytes stay until it uses their blocks again, \
             and in snapshots"
        ),
        None => "overwritten once and removed; a solid-state disk may keep old blocks, and snapshots keep all of it".into(),
    }
}

/// The file system's name, where it does not write in place.
#[cfg(target_os = "linux")]
fn copying(root: &Path) -> Option<&'static str> {
    // Source: statfs(2), and the headers of those that are not part of Linux.
    match rustix::fs::statfs(root).ok()?.f_type as u64 & 0xffff_ffff {
        0x9123_683e => Some("btrfs"),
        0x2fc1_2fc1 => Some("ZFS"),
        0xca45_1a4e => Some("bcachefs"),
        0xf2f5_2010 => Some("F2FS"),
        0x3434 => Some("NILFS"),
        0x794c_7630 => Some("overlayfs"),
        0x6969 | 0xff53_4d42 | 0xfe53_4d42 => Some("the server of this network file system perhaps"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn copying(_root: &Path) -> Option<&'static str> {
    // APFS is what macOS has.
    cfg!(target_vendor = "apple").then_some("APFS")
}
