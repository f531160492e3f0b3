//! What a file of ours can hold at most. FORMAT.md repeats these numbers.

/// The longest frame before compression: 1 GiB for the longest row that a server sends (PostgreSQL manual, Limits),
/// and 1 MiB for the statement around it. Frames of shorter rows have some MiB.
pub const MAX_FRAME: usize = (1 << 30) + (1 << 20);

/// The longest frame as stored: what the worst codec makes of [`MAX_FRAME`] random bytes, with room to spare.
pub const MAX_STORED_FRAME: usize = MAX_FRAME + MAX_FRAME / 8 + (64 << 10);

/// The most frames in one archive: about 16 TB in frames of 4 MiB, and 512 MiB of index entries in memory.
pub const MAX_FRAMES: usize = 1 << 22;

/// The most passphrases that one backup opens with: each that does not fit costs a reader what it is set to cost.
pub(crate) const MAX_PASSPHRASES: usize = 16;

/// The most bytes that a sequential reader gives at a time: 1 MiB.
pub const PIECE: usize = 1 << 20;

/// The longest manifest: 64 MiB.
pub const MAX_MANIFEST: usize = 64 << 20;

/// The longest side file: 64 MiB.
pub const MAX_SIDE_FILE: usize = 64 << 20;

/// The longest line of an uncompressed index: 64 KiB.
pub(crate) const MAX_INDEX_LINE: usize = 64 << 10;

/// The longest table of objects in an uncompressed index: 64 MiB.
pub(crate) const MAX_INDEX_OBJECTS: usize = 64 << 20;

/// The longest archive of nothing: one empty frame of any codec.
pub(crate) const MAX_EMPTY_ARCHIVE: u64 = 64;

/// Base-2 logarithm of the longest window a zstd stream may ask for: 128 MiB, as for the stock tool.
pub(crate) const ZSTD_WINDOW_LOG: u32 = 27;

/// The most memory an xz stream may ask for: 128 MiB; `xz -9` needs 65.
pub(crate) const XZ_MEMORY: u64 = 128 << 20;
