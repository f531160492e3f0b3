//! Bytes at rest: codecs, archives, the index and the manifest.
//!
//! `FORMAT.md` beside this crate says every byte. An archive is a run of frames, each compressed on its own, so
//! that frames are made, read and checked in parallel while stock tools still open the whole file. The layers,
//! outermost last: rows, frame, codec, byte stream, cipher, hash, storage. This crate holds them from the frame
//! to the hash.
//!
//! Nothing that is read here is trusted: no input panics, and memory is bounded by the limits in this crate, not
//! by what a file claims.

mod adler;
mod archive;
mod checksum;
mod cipher;
mod codec;
mod decode;
mod encode;
mod frame_hash;
mod index;
mod limits;
mod manifest;
mod text;

pub use archive::{ArchiveSummary, ArchiveWriter, ObjectTotals};
pub use checksum::{Checksum, ChecksumHasher, QuickHasher};
pub use cipher::{
    CipherKind, DataKey, Envelope, FileRole, Identities, Kdf, KeyFile, PlainReader, PrivateKey, PublicKey,
    Recipient, Recipients, SealedFile, Sealer, Wrap, WrapKind, WrongKey, seal_bytes,
};
pub use codec::{Codec, CodecKind};
pub use decode::{FrameDecoder, PieceInfo, SequentialReader, rebuild_index};
pub use encode::{EncodedFrame, FrameEncoder};
pub use frame_hash::FrameHash;
pub use index::{Index, IndexEntry};
pub use limits::{MAX_FRAME, MAX_FRAMES, MAX_MANIFEST, MAX_SIDE_FILE, MAX_STORED_FRAME, PIECE};
pub use manifest::{
    ArchiveInfo, BackupType, DatabasePart, EncryptionInfo, GitState, IndexInfo, Manifest, SideFileInfo,
    ToolInfo, Trigger,
};
