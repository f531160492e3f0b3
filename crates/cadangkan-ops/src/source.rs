//! Where a backup is read from: a storage, or a file alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cadangkan_archive::{
    Checksum, ChecksumHasher, CodecKind, EncryptionInfo, FileRole, Index, MAX_MANIFEST, MAX_SIDE_FILE,
    Manifest, SealedFile, SequentialReader, SideFileInfo, Wrap,
};
use cadangkan_core::{Control, Error, ErrorKind, Level, Name, Result};
use cadangkan_storage::Key;

use crate::cover::{Cover, HashedArchive, StoredBytes, known_cipher, manifest_is_missing, open_beside};
use crate::feed::Seen;
use crate::find::{damaged_copies, find, newest_good, tell_of_newer};
use crate::lock::ReadingLock;
use crate::manifests::{read_manifest, read_manifests};
use crate::measured::Measured;
use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX};
use crate::nearby::FileRange;
use crate::wanted::not_found;
use crate::{Context, Place, side};

pub use crate::wanted::Wanted;

/// An archive, with what is known of it.
///
/// Neither manifest nor index is needed to read it. What is there is checked before it is believed.
pub struct Source<'a> {
    bytes: Bytes<'a>,
    size: u64,
    cover: Cover,
    codec: CodecKind,
    manifest: Option<Manifest>,
    index: Option<Index>,
    /// Whether it is one of several databases in the archive.
    is_part: bool,
    /// Keeps its backup from being deleted meanwhile.
    reading: Option<Arc<ReadingLock>>,
    /// The archive on this machine, where it was brought here.
    nearby: Option<Arc<File>>,
}

/// An archive in a storage elsewhere, by the words of its manifest.
pub(crate) struct FarArchive<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) key: &'a Key,
    pub(crate) checksum: Checksum,
    pub(crate) size: u64,
    /// Where it is, for people.
    pub(crate) location: String,
}

#[derive(Clone)]
enum Bytes<'a> {
    Stored { place: Place<'a>, key: Key },
    File(PathBuf),
}

impl<'a> Source<'a> {
    /// Opens the backup of `database` that is wanted, the newest one that any of `places` has.
    ///
    /// Of several copies the first is taken that is not known to be damaged; when it cannot be opened, the next.
    /// Where the catalog does not help, the storages themselves are searched. An older one never stands in for the newest
    /// that the catalog knows and that cannot be read: that is its error. Where that one is gone, or a newer one was found damaged, a message says so.
    pub fn stored(
        context: &Context<'_>,
        database: &Name,
        wanted: Wanted<'_>,
        places: &[Place<'a>],
    ) -> Result<Self> {
        let newest = match wanted.id() {
            Some(_) => None,
            // A catalog that cannot be read keeps nobody from a restore.
            None => newest_good(context, database, wanted, places).unwrap_or_default(),
        };
        if let Some(taken) = newest {
            tell_of_newer(context, database, wanted, places, taken);
        }
        let error =
            match (Source::search(context, database, newest.map_or(wanted, Wanted::Id), places), newest) {
                (Err(error), Some(newest))
                    if may_be_elsewhere(&error) && error.kind() != ErrorKind::NotFound =>
                {
                    let older = format!("by --from <id>; `cadangkan backups list {database}` shows them");
                    return Err(error.context("newest backup", newest).context("older ones", older));
                }
                (Err(error), _) if context.catalog.is_some() && may_be_elsewhere(&error) => error,
                (found, _) => return found,
            };
        let found = Source::search(&Context { catalog: None, ..*context }, database, wanted, places);
        let found = found.map_err(|_| error)?;
        if let (Some(newest), Some(manifest)) = (newest, &found.manifest)
            && manifest.backup_id != newest
        {
            let text = format!("backup {newest} is gone from its storage; {} is taken", manifest.backup_id);
            context.control.message(Level::Warning, &text);
        }
        Ok(found)
    }

    fn search(
        context: &Context<'_>,
        database: &Name,
        wanted: Wanted<'_>,
        places: &[Place<'a>],
    ) -> Result<Self> {
        let (mut copies, mut problems) = (Vec::new(), Vec::new());
        for place in places {
            match find(context, database, wanted, *place) {
                Ok(Some((key, manifest))) => copies.push((*place, key, manifest)),
                Ok(None) => {}
                Err(error) => problems.push(error.context("storage", place.name)),
            }
        }
        let newest = copies.iter().map(|(_, _, manifest)| manifest.backup_id).max();
        copies.retain(|(_, _, manifest)| Some(manifest.backup_id) == newest);
        let damaged = newest.map(|id| damaged_copies(context, database, id)).transpose()?.unwrap_or_default();
        copies.sort_by_key(|(place, _, _)| damaged.contains(place.name));
        for (place, key, manifest) in copies {
            match Source::open_stored(place, key, manifest, context) {
                Ok(source) => return Ok(source),
                Err(error) if !may_be_elsewhere(&error) => return Err(error),
                Err(error) => problems.push(error),
            }
        }
        Err(problems.into_iter().next().unwrap_or_else(|| not_found(database, wanted)))
    }

    /// Opens the archive under a key, whose manifest was read; one that is encrypted by the keys of the context.
    pub(crate) fn open_stored(
        place: Place<'a>,
        key: Key,
        manifest: Manifest,
        context: &Context<'_>,
    ) -> Result<Self> {
        let mut source = Source::closed(place, key, manifest, context)?;
        source.open(context)?;
        source.index = source.usable_index(&context.control);
        Ok(source)
    }

    /// The same without opening one that is encrypted: its stored bytes can be read and compared, and no more.
    pub(crate) fn closed(
        place: Place<'a>,
        key: Key,
        manifest: Manifest,
        context: &Context<'_>,
    ) -> Result<Self> {
        let reading = ReadingLock::shared(context.locks, &manifest.database_name)?;
        let size = place.storage.stat(&key)?.map(|info| info.size).ok_or_else(|| {
            Error::new(ErrorKind::DamagedBackup, "the archive of this backup is gone")
                .context("storage", place.name)
                .context("key", &key)
                .hint("restore from another backup: `cadangkan backups list` shows them")
        })?;
        let cover = if manifest.encryption.is_encrypted() { Cover::Closed } else { Cover::Plain };
        let (bytes, codec) = (Bytes::Stored { place, key }, manifest.archive.codec);
        Ok(Source {
            bytes,
            size,
            cover,
            codec,
            manifest: Some(manifest),
            index: None,
            is_part: false,
            reading,
            nearby: None,
        })
    }

    /// Opens the newest backup in a storage of which nothing is known: of one database, or of the only one there.
    pub fn newest_in(context: &Context<'_>, place: Place<'a>, database: Option<&Name>) -> Result<Self> {
        let found = read_manifests(place, &place.storage.list("")?, &|_| context.control.check())?;
        let mut good = Vec::new();
        for (key, manifest) in found {
            match manifest {
                Ok(manifest) => good.push((key, manifest)),
                Err(error) => {
                    let text = format!("a manifest is passed over: {error}");
                    context.control.message(Level::Warning, &text);
                }
            }
        }
        let names: BTreeSet<_> = good.iter().map(|(_, manifest)| manifest.database_name.clone()).collect();
        if names.len() > 1 && database.is_none() {
            let names = names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::Usage, "there are backups of several databases")
                .context("databases", names)
                .hint("name one of them before --from"));
        }
        good.retain(|(_, manifest)| database.is_none_or(|name| *name == manifest.database_name));
        let newest = good.into_iter().max_by_key(|(_, manifest)| manifest.backup_id);
        let (key, manifest) = newest.ok_or_else(|| none_in(place, database, &names))?;
        Source::open_stored(place, key, manifest, context)
    }

    /// Opens the backup whose archive lies under a key; its manifest must lie beside it.
    pub fn at(context: &Context<'_>, place: Place<'a>, key: Key) -> Result<Self> {
        let manifest = read_manifest(place, &key)?;
        Source::open_stored(place, key, manifest, context)
    }

    /// Opens an archive file, with the manifest and index beside it if they are there and fit.
    pub fn file(path: &Path, context: &Context<'_>) -> Result<Self> {
        let control = &context.control;
        let at = |error: std::io::Error| {
            Error::io("cannot open the archive", error).context("path", path.display())
        };
        let file = File::open(path).map_err(at)?;
        let metadata = file.metadata().map_err(at)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Usage, "not a file").context("path", path.display()));
        }
        let (bytes, size) = (Bytes::File(path.to_owned()), metadata.len());
        let (codec, cover) = (CodecKind::None, Cover::Plain);
        let mut source = Source {
            bytes,
            size,
            cover,
            codec,
            manifest: None,
            index: None,
            is_part: false,
            reading: None,
            nearby: None,
        };
        if SealedFile::is_one(&source.first_bytes()?) {
            source.cover = Cover::Closed;
        }
        match source.beside(MANIFEST_SUFFIX, MAX_MANIFEST).and_then(|bytes| Manifest::from_bytes(&bytes)) {
            Ok(manifest) => {
                source.codec = manifest.archive.codec;
                source.manifest = Some(manifest);
                source.open(context)?;
                source.index = source.usable_index(control);
            }
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    let text = format!("the manifest beside the archive is not used: {error}");
                    control.message(Level::Warning, &text);
                }
                source.open(context)?;
                source.codec = CodecKind::detect(&source.first_bytes()?);
            }
        }
        Ok(source)
    }

    /// The first bytes, decrypted where it was opened.
    fn first_bytes(&self) -> Result<Vec<u8>> {
        let mut first = Vec::new();
        let reader = match self.cover {
            Cover::Closed => self.read_stored(None)?,
            _ => self.read(None)?,
        };
        reader
            .take(16)
            .read_to_end(&mut first)
            .map_err(|error| Error::io("cannot read the archive", error).context("at", self.location()))?;
        Ok(first)
    }

    /// Opens an archive that is encrypted. The wraps in the manifest count, since they are newer; those in the archive's
    /// own header do where there is none.
    fn open(&mut self, context: &Context<'_>) -> Result<()> {
        let expected = self.manifest.as_ref().map(|manifest| &manifest.encryption);
        let cipher = expected.map(|encryption| encryption.cipher.as_str());
        if matches!(self.cover, Cover::Plain) {
            return Ok(());
        }
        if cipher == Some(EncryptionInfo::NONE) {
            let message = "the archive is encrypted, and its manifest says that it is not";
            return Err(Error::new(ErrorKind::DamagedBackup, message)
                .context("archive", self.location())
                .hint("it opens without the manifest: move that away, and restore the file with --file"));
        }
        if let Some(cipher) = cipher {
            known_cipher(cipher)?;
        }
        let newer = expected.map(|encryption| encryption.keys.clone()).filter(|keys| !keys.is_empty());
        let begin = self.read_stored(Some(0..SealedFile::LONGEST_HEADER.min(self.size)))?;
        let location = self.location();
        let (mut data_key, manifest) = (None, &mut self.manifest);
        let unlock = |wraps: &[Wrap]| {
            let wraps = newer.as_deref().unwrap_or(wraps);
            if wraps.is_empty() {
                return Err(manifest_is_missing());
            }
            let whose = manifest.as_ref().map(|manifest| &manifest.database_name);
            let key = context.keys.unlock(whose, wraps)?;
            manifest.iter_mut().try_for_each(|manifest| manifest.reveal(&key))?;
            data_key = Some(key.clone());
            Ok(key)
        };
        let opened = SealedFile::open(begin, self.size, FileRole::Archive, unlock);
        let file = opened.map_err(|error| error.context("backup", location))?;
        let Some(data_key) = data_key else { return Ok(()) };
        self.cover = Cover::Opened { file, data_key };
        Ok(())
    }

    /// Whether bytes of it that were changed show themselves before the end, as frames do by the index, or encrypted chunks.
    pub(crate) fn proves_each_piece(&self) -> bool {
        match &self.cover {
            Cover::Opened { file, .. } => file.proves_itself() || self.index.is_some(),
            Cover::Plain | Cover::Closed => true,
        }
    }

    /// The databases, where the archive holds several.
    pub fn databases(&self) -> Vec<&str> {
        let parts = self.manifest.iter().flat_map(|manifest| &manifest.databases);
        parts.map(|part| part.name.as_str()).collect()
    }

    /// One of several databases, as if it were alone in the archive. Only its bytes are read.
    ///
    /// Fails with `NotFound` when it is none of them, and with `DamagedBackup` without an index, which alone knows what is
    /// whose.
    pub fn of_database(&self, name: &str) -> Result<Source<'a>> {
        let manifest = self.manifest.as_ref().and_then(|manifest| manifest.of_database(name));
        let manifest = manifest.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the backup has no such database")
                .context("database", name.escape_debug())
                .hint("`cadangkan backups info` lists what a backup has")
        })?;
        let index = self.index.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::DamagedBackup, "the index is gone, which tells what in the archive is of which database")
                .hint("take another storage's copy with --storage; or give the whole archive, decompressed, to the server's own client")
        })?;
        Ok(Source {
            bytes: self.bytes.clone(),
            size: self.size,
            cover: self.cover.clone(),
            codec: self.codec,
            manifest: Some(manifest),
            index: Some(index.of_database(name)),
            is_part: true,
            reading: self.reading.clone(),
            nearby: self.nearby.clone(),
        })
    }

    /// Whether it is one of several databases in the archive.
    pub(crate) fn is_part(&self) -> bool {
        self.is_part
    }

    /// The manifest, unless the archive stands alone.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// How it is compressed.
    pub fn codec(&self) -> CodecKind {
        self.codec
    }

    /// Its stored bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its uncompressed bytes, when the manifest says.
    pub fn raw_bytes(&self) -> Option<u64> {
        self.manifest.as_ref().map(|manifest| manifest.archive.raw_bytes)
    }

    /// Where it is, for people.
    pub fn location(&self) -> String {
        match &self.bytes {
            Bytes::Stored { place, key } => format!("{key} in {}", place.storage.location()),
            Bytes::File(path) => path.display().to_string(),
        }
    }

    /// The first uncompressed bytes, at most `count`: enough to see what it is.
    pub fn peek(&self, count: usize) -> Result<Vec<u8>> {
        let mut reader = SequentialReader::new(self.codec, self.read(None)?)?;
        let (mut first, mut piece) = (Vec::new(), Vec::new());
        while first.len() < count && reader.next(&mut piece)?.is_some() {
            first.append(&mut piece);
        }
        first.truncate(count);
        Ok(first)
    }

    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Reads the archive, decrypted.
    pub(crate) fn read(&self, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        match &self.cover {
            Cover::Plain => self.read_stored(range),
            Cover::Opened { file, .. } => {
                let range = range.unwrap_or(0..file.plain_bytes());
                let stored = self.read_stored(Some(file.stored(&range)))?;
                Ok(Box::new(file.reader(stored, &range)))
            }
            Cover::Closed => Err(self.closed_error()),
        }
    }

    /// Reads all stored bytes, hashed as they pass, and gives them decrypted.
    pub(crate) fn read_hashed(&self) -> Result<HashedArchive> {
        let mut stored = self.measured()?;
        match &self.cover {
            Cover::Plain => Ok(HashedArchive::Plain(stored)),
            Cover::Opened { file, .. } => {
                file.skip_header(&mut stored)?;
                Ok(HashedArchive::Sealed(file.reader(stored, &(0..file.plain_bytes()))))
            }
            Cover::Closed => Err(self.closed_error()),
        }
    }

    /// Reads all stored bytes as they are, hashed as they pass.
    pub(crate) fn measured(&self) -> Result<StoredBytes> {
        Ok(Measured::new(self.read_stored(None)?, ChecksumHasher::new()))
    }

    /// The archive, where its storage is elsewhere and its manifest says what it is.
    pub(crate) fn far_archive(&self) -> Option<FarArchive<'_>> {
        let (Bytes::Stored { place, key }, Some(manifest)) = (&self.bytes, &self.manifest) else {
            return None;
        };
        let far = !place.storage.capabilities().local && self.size == manifest.archive.size_bytes;
        far.then(|| FarArchive {
            place: *place,
            key,
            checksum: manifest.archive.checksum,
            size: self.size,
            location: self.location(),
        })
    }

    /// Reads the archive from a file of this machine from now on.
    pub(crate) fn read_nearby(&mut self, file: Option<File>) {
        self.nearby = file.map(Arc::new);
    }

    /// Reads the archive from where another one of its sources does.
    pub fn read_as(&mut self, other: &Source<'_>) {
        self.nearby.clone_from(&other.nearby);
    }

    fn read_stored(&self, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        if let Some(file) = &self.nearby {
            return Ok(Box::new(FileRange { file: Arc::clone(file), range: range.unwrap_or(0..self.size) }));
        }
        match &self.bytes {
            Bytes::Stored { place, key } => place.storage.read(key, range),
            Bytes::File(path) => read_file(path, range),
        }
    }

    fn closed_error(&self) -> Error {
        Error::new(ErrorKind::Internal, "an encrypted archive was read before it was opened")
            .context("archive", self.location())
    }

    /// Holds what was seen of the archive against its manifest.
    pub(crate) fn compare(&self, seen: &Seen) -> Result<()> {
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let archive = &manifest.archive;
        let same = seen.checksum == archive.checksum
            && (seen.stored_bytes, seen.raw_bytes) == (archive.size_bytes, archive.raw_bytes);
        if same {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DamagedBackup, "the archive is not what its manifest says")
            .context("backup", manifest.backup_id)
            .context("expected", archive.checksum)
            .context("found", seen.checksum)
            .hint("restore from another backup or from another storage; this one cannot be trusted"))
    }

    /// Reads the index when it is there and is the one that the manifest names; otherwise the archive is read
    /// in order, which takes longer and gives the same.
    fn usable_index(&self, control: &Control<'_>) -> Option<Index> {
        self.read_index().unwrap_or_else(|error| {
            let text = format!("the index is not used, the archive is read in order instead: {error}");
            control.message(Level::Warning, &text);
            None
        })
    }

    /// Reads the index and holds it against the manifest; `None` when the archive stands alone.
    pub(crate) fn read_index(&self) -> Result<Option<Index>> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let bytes =
            self.beside(INDEX_SUFFIX, usize::try_from(manifest.index.size_bytes).unwrap_or(usize::MAX))?;
        if Checksum::of(&bytes) != manifest.index.checksum {
            return Err(Error::new(ErrorKind::DamagedBackup, "the index is not what the manifest says"));
        }
        let (plain, plain_bytes) = match &self.cover {
            Cover::Plain => (bytes, manifest.archive.size_bytes),
            Cover::Opened { file, data_key } => {
                (open_beside(&bytes, FileRole::Index, data_key)?, file.plain_bytes())
            }
            // What its checksum says is all that can be known.
            Cover::Closed => return Ok(None),
        };
        let index = Index::read(plain.as_slice())?;
        let archive = &manifest.archive;
        let fits = (index.codec(), index.stored_bytes(), index.raw_bytes())
            == (archive.codec, plain_bytes, archive.raw_bytes);
        if fits {
            Ok(Some(index))
        } else {
            Err(Error::new(ErrorKind::DamagedBackup, "the index is another archive's"))
        }
    }

    /// Reads a side file, holds it against the manifest, and decrypts it where the archive was opened.
    pub(crate) fn read_side_file(&self, info: &SideFileInfo) -> Result<Vec<u8>> {
        let read = match &self.bytes {
            Bytes::Stored { place, key } => side::read(*place, &key.sibling(&info.file)?),
            Bytes::File(path) => read_file(&path.with_file_name(&info.file), None)
                .and_then(|file| read_limited(file, MAX_SIDE_FILE)),
        };
        let bytes = read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => side::damaged(info, "a file that lay beside the archive is gone"),
            _ => error,
        })?;
        side::compare(info, &bytes)?;
        match &self.cover {
            Cover::Opened { data_key, .. } => open_beside(&bytes, FileRole::Side(&info.kind), data_key),
            Cover::Plain | Cover::Closed => Ok(bytes),
        }
    }

    /// Reads a small object that lies beside the archive.
    fn beside(&self, suffix: &str, limit: usize) -> Result<Vec<u8>> {
        let reader = match &self.bytes {
            Bytes::Stored { place, key } => place.storage.read(&key.with_suffix(suffix)?, None)?,
            Bytes::File(path) => {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                read_file(Path::new(&name), None)?
            }
        };
        read_limited(reader, limit)
    }
}

/// The error of a storage that has no backup of this database, or none at all.
fn none_in(place: Place<'_>, database: Option<&Name>, there: &BTreeSet<Name>) -> Error {
    let error =
        Error::new(ErrorKind::NotFound, "there is no such backup").context("in", place.storage.location());
    let names = there.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    match database {
        Some(database) if !there.is_empty() => {
            error.context("database", database).hint(format!("there are backups of: {names}"))
        }
        _ => error.hint("no backup lies there: correct the address"),
    }
}

/// Whether another copy of the backup may do better.
fn may_be_elsewhere(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::WrongKey)
}

pub(crate) fn read_limited(reader: Box<dyn Read + Send>, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = reader.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes);
    let count = count.map_err(|error| Error::io("cannot read", error))?;
    if count > limit {
        return Err(Error::new(ErrorKind::DamagedBackup, "far larger than it can be"));
    }
    Ok(bytes)
}

fn read_file(path: &Path, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
    let open = || -> std::io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(path)?;
        let Some(range) = range else { return Ok(Box::new(file)) };
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Box::new(file.take(range.end.saturating_sub(range.start))))
    };
    open().map_err(|error| Error::io("cannot read", error).context("path", path.display()))
}
