//! Makes the golden files of a format version: `cargo run -p cadangkan-archive --example golden -- <folder>`.
//!
//! Run by hand, once, when a new version of the format is released. Files that exist are never made again: they
//! stand for what programs of their time wrote.

use std::error::Error;
use std::path::{Path, PathBuf};

use cadangkan_archive::{
    ArchiveInfo, ArchiveSummary, ArchiveWriter, BackupType, Checksum, CipherKind, Codec, CodecKind,
    EncryptionInfo, Envelope, FileRole, IndexInfo, Kdf, KeyFile, Manifest, PrivateKey, Recipient, Recipients,
    ToolInfo, Trigger,
};
use cadangkan_core::{
    BackupId, Fingerprint, Frame, Name, ObjectKind, ObjectName, ObjectReport, Section, Selection, Timestamp,
    format_bytes,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PAGE: usize = 1024;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which folder?")?);
    std::fs::create_dir_all(&folder)?;
    let image = Payload { name: "image.sqlite", layout: "image", kind: ObjectKind::IMAGE, frames: image() };
    for kind in CodecKind::ALL {
        write(&folder, &image, Codec::new(kind, None)?)?;
    }
    let statements = Payload {
        name: "statements.sql",
        layout: "statements",
        kind: ObjectKind::TABLE,
        frames: statements(),
    };
    write(&folder, &statements, Codec::new(CodecKind::Zstd, Some(19))?)?;
    encrypted(&folder.join("encrypted"), &statements, Codec::new(CodecKind::Zstd, None)?)?;
    openssl(&folder.join("openssl"), &statements, Codec::new(CodecKind::Zstd, None)?)?;
    for payload in [&image, &statements] {
        std::fs::write(
            folder.join(format!("{}.checksum", payload.name)),
            format!("{}\n", Checksum::of(&payload.raw())),
        )?;
    }
    Ok(())
}

struct Payload {
    name: &'static str,
    layout: &'static str,
    kind: ObjectKind,
    frames: Vec<Frame>,
}

impl Payload {
    fn raw(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|frame| frame.data.iter().copied()).collect()
    }
}

/// Something like a database file: a header, pages of rows, free pages, pages of noise.
fn image() -> Vec<Frame> {
    let mut state = 42_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut page = |number: usize| {
        let mut bytes = match number % 4 {
            0 | 1 => (0..60)
                .flat_map(|row| format!("order {row}: {:05} größe 客户;", next()).into_bytes())
                .collect(),
            2 => Vec::new(),
            _ => (0..PAGE / 4).flat_map(|_| [next().to_le_bytes()[0], 1, 2, 3]).collect::<Vec<u8>>(),
        };
        bytes.resize(PAGE, 0);
        bytes
    };
    let object = ObjectName::new("image");
    let frame = |(part, pages): (u64, std::ops::Range<usize>)| Frame {
        section: Section::Data,
        object: object.clone(),
        part,
        rows: pages.len() as u64,
        data: pages.flat_map(&mut page).collect(),
    };
    (0..).zip([0..4, 4..9, 9..10, 10..16]).map(frame).collect()
}

/// Something like a dump: all sections, several objects, names that need care.
fn statements() -> Vec<Frame> {
    let object = |name: &str| ObjectName { schema: Some("public".into()), ..ObjectName::new(name) };
    let frame = |section, object: &ObjectName, part, rows, text: &str| Frame {
        section,
        object: object.clone(),
        part,
        rows,
        data: text.as_bytes().to_vec(),
    };
    let (none, orders, odd) = (ObjectName::new(""), object("orders"), object("größe \"x\"\n客户"));
    vec![
        frame(Section::Header, &none, 0, 0, "SET client_encoding = 'UTF8';\n"),
        frame(Section::PreData, &orders, 0, 0, "CREATE TABLE public.orders (id int);\n"),
        frame(Section::Data, &orders, 0, 2, "COPY public.orders FROM stdin;\n1\n2\n\\.\n"),
        frame(Section::Data, &odd, 0, 1, "INSERT INTO public.\"größe\" VALUES ('客户');\n"),
        frame(Section::Data, &orders, 1, 1, "COPY public.orders FROM stdin;\n3\n\\.\n"),
        frame(Section::PostData, &orders, 0, 0, "ALTER TABLE public.orders ADD PRIMARY KEY (id);\n"),
        frame(Section::Trailer, &none, 0, 0, "-- complete\n"),
    ]
}

/// Writes an encrypted archive, its index and manifest, and the secrets of all kinds that open it.
fn encrypted(folder: &Path, payload: &Payload, codec: Codec) -> Result<()> {
    const PASSPHRASES: [&str; 2] = ["correct horse battery staple", "größe und 客户 und mehr"];
    let (private, key) = (PrivateKey::generate()?, KeyFile::generate()?);
    let passphrase = |text: &str, kdf| Recipient::Passphrase(Zeroizing::new(text.to_owned()), kdf);
    let recipients = Recipients::new(&[
        passphrase(PASSPHRASES[0], Kdf::Argon2id { memory_kib: 1024, passes: 2, lanes: 2 }),
        passphrase(PASSPHRASES[1], Kdf::Pbkdf2Sha256 { iterations: 5000 }),
        Recipient::PublicKey(private.public()),
        Recipient::KeyFile(key.clone()),
    ])?;
    let envelope = Envelope::new(CipherKind::Aes256Gcm, &recipients)?;
    write_sealed(folder, payload, codec, &envelope, true)?;
    std::fs::write(folder.join("passphrase-argon2id.txt"), PASSPHRASES[0])?;
    std::fs::write(folder.join("passphrase-pbkdf2.txt"), PASSPHRASES[1])?;
    std::fs::write(folder.join("private-key.txt"), private.to_text()?.as_bytes())?;
    std::fs::write(folder.join("key-file.txt"), key.to_text().as_bytes())?;
    Ok(())
}

/// Writes the same in OpenSSL's form.
fn openssl(folder: &Path, payload: &Payload, codec: Codec) -> Result<()> {
    const PASSPHRASE: &str = "correct horse battery staple";
    let passphrase =
        Recipient::Passphrase(Zeroizing::new(PASSPHRASE.to_owned()), Kdf::Pbkdf2Sha256 { iterations: 5000 });
    let envelope = Envelope::new(CipherKind::OpenSsl, &Recipients::new(&[passphrase])?)?;
    write_sealed(folder, payload, codec, &envelope, false)?;
    std::fs::write(folder.join("passphrase.txt"), PASSPHRASE)?;
    Ok(())
}

/// Writes an encrypted archive, its index and manifest.
fn write_sealed(
    folder: &Path,
    payload: &Payload,
    codec: Codec,
    envelope: &Envelope,
    hides_names: bool,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let (mut archive, mut encoder) = (Vec::new(), codec.encoder()?);
    let sealer = envelope.sealer(FileRole::Archive)?;
    let mut writer = ArchiveWriter::new(codec, Some(sealer), |bytes: &[u8]| {
        archive.extend_from_slice(bytes);
        Ok(())
    });
    for frame in &payload.frames {
        writer.append(&encoder.encode(frame, Vec::new())?)?;
    }
    let mut summary = writer.finish()?;
    summary.index = envelope.seal(FileRole::Index, &summary.index)?;
    let file = format!("{}.{}.enc", payload.name, codec.kind().extension());
    let mut manifest = manifest(payload, codec, &file, &summary)?;
    manifest.encryption = EncryptionInfo {
        cipher: envelope.cipher().as_str().into(),
        plain_bytes: Some(summary.plain_bytes),
        iterations: envelope.iterations(),
        keys: envelope.keys()?.to_vec(),
        ..EncryptionInfo::none()
    };
    manifest.hide(envelope.data_key(), hides_names)?;
    std::fs::write(folder.join(&file), &archive)?;
    std::fs::write(folder.join(format!("{file}.index")), &summary.index)?;
    std::fs::write(folder.join(file + Manifest::SUFFIX), manifest.to_bytes()?)?;
    Ok(())
}

/// Writes archive, index and manifest.
fn write(folder: &Path, payload: &Payload, codec: Codec) -> Result<()> {
    let mut archive = Vec::new();
    let mut encoder = codec.encoder()?;
    let mut writer = ArchiveWriter::new(codec, None, |bytes: &[u8]| {
        archive.extend_from_slice(bytes);
        Ok(())
    });
    for frame in &payload.frames {
        writer.append(&encoder.encode(frame, Vec::new())?)?;
    }
    let summary = writer.finish()?;
    let file = match codec.kind().extension() {
        "" => payload.name.to_owned(),
        extension => format!("{}.{extension}", payload.name),
    };
    let manifest = manifest(payload, codec, &file, &summary)?.to_bytes()?;
    std::fs::write(folder.join(&file), &archive)?;
    std::fs::write(folder.join(format!("{file}.index")), &summary.index)?;
    std::fs::write(folder.join(file + Manifest::SUFFIX), manifest)?;
    Ok(())
}

fn manifest(payload: &Payload, codec: Codec, file: &str, summary: &ArchiveSummary) -> Result<Manifest> {
    let created_at: Timestamp = "2026-01-15T14:30:22.125Z".parse()?;
    let report = |total: &cadangkan_archive::ObjectTotals| ObjectReport {
        rows: Some(total.rows),
        raw_bytes: Some(total.raw_bytes),
        stored_bytes: Some(total.stored_bytes),
        fingerprint: Some(Fingerprint::default()),
        ..ObjectReport::new(payload.kind.clone(), total.name.clone())
    };
    Ok(Manifest {
        format_version: Manifest::FORMAT_VERSION,
        backup_id: BackupId::new(created_at),
        backup_type: BackupType::Full,
        trigger: Trigger::Manual,
        schedule: None,
        status: Manifest::COMPLETE.into(),
        engine: "sqlite".into(),
        server_version: "3.51.3".into(),
        host: Some("localhost".into()),
        port: Some(5432),
        database_name: Name::new("shop")?,
        database: "shop.db".into(),
        created_at,
        completed_at: "2026-01-15T14:30:23Z".parse()?,
        duration_seconds: 0.875,
        archive: ArchiveInfo {
            file: file.into(),
            size_bytes: summary.stored_bytes,
            size_human: format_bytes(summary.stored_bytes),
            raw_bytes: summary.raw_bytes,
            frames: summary.frames,
            codec: codec.kind(),
            level: codec.level(),
            layout: payload.layout.into(),
            checksum: summary.checksum,
            other: Map::new(),
        },
        index: IndexInfo {
            file: format!("{file}.index"),
            size_bytes: summary.index.len() as u64,
            checksum: Checksum::of(&summary.index),
            other: Map::new(),
        },
        side_files: Vec::new(),
        encryption: EncryptionInfo::none(),
        options: Map::new(),
        selection: Selection::default(),
        databases: Vec::new(),
        position: Map::from_iter([("change_counter".to_owned(), Value::from(7))]),
        attributes: Map::from_iter([("page_size".to_owned(), Value::from(PAGE))]),
        tables_count: 1,
        objects: summary.objects.iter().map(report).collect(),
        check: Some("quick_check".into()),
        tool: ToolInfo { name: "cadangkan".into(), version: "0.1.0".into() },
        tool_versions: Map::from_iter([("sqlite".to_owned(), Value::from("3.51.3"))]),
        ticket: Some("OPS-7".into()),
        tags: vec!["golden".into()],
        labels: Default::default(),
        git: None,
        preserved: true,
        keep_until: None,
        suspect: Vec::new(),
        warnings: vec!["made for tests".into()],
        other: Map::new(),
    })
}
