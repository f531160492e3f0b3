//! A backup written out for somebody else: plain, under another codec, or in a zip file.

use std::io::Write;
use std::sync::Mutex;

use cadangkan_archive::{CipherKind, Codec};
use cadangkan_catalog::RunKind;
use cadangkan_core::{
    Control, Error, Frame, Name, NoReporter, ObjectKind, ObjectName, Result, ResultExt, Section,
};
use cadangkan_engine::FrameSink;
use cadangkan_storage::{Key, Storage, StorageWriter, WriteOptions};
use serde::Serialize;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::Context;
use crate::feed::{Order, feed};
use crate::index_backup::location;
use crate::pipeline::{self, FRAME_BYTES, Limits, Meter};
use crate::run::{Outcome, RunDescription, record};
use crate::source::Source;

/// What the exported file is.
#[derive(Clone, Copy, Debug)]
pub enum ExportFormat {
    /// The archive under a codec; under `none`, the plain dump.
    Codec(Codec),
    /// A zip file with the plain dump in it.
    Zip,
}

/// Where an export goes.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The storage.
    pub storage: &'a dyn Storage,
    /// The key there.
    pub key: &'a Key,
    /// Whether an object that exists is replaced.
    pub overwrite: bool,
}

/// An export that was made.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// Where it is.
    pub location: String,
    /// Its size.
    pub size_bytes: u64,
    /// The plain dump's size.
    pub raw_bytes: u64,
}

/// Writes the plain content of a backup, checked as it is read, in another format.
///
/// Nothing stands under the destination's key before all of it was read, checked and written.
pub fn export(
    context: &Context<'_>,
    database: Option<&Name>,
    source: &Source<'_>,
    format: ExportFormat,
    destination: Destination<'_>,
) -> Result<ExportReport> {
    let options = json!({ "archive": source.location(), "to": destination.key.as_str() });
    let description = RunDescription { kind: RunKind::Export, database, trigger: "manual", options };
    record(context, &description, |context, _| {
        context.control.step("export");
        let options = WriteOptions { overwrite: destination.overwrite, ..WriteOptions::default() };
        let mut writer = destination.storage.begin_write(destination.key, options)?;
        let written = match format {
            ExportFormat::Codec(codec) => encode(context, source, codec, writer.as_mut()),
            ExportFormat::Zip => zip(context, source, destination.key, writer.as_mut()),
        };
        let raw_bytes = match written {
            Ok(raw_bytes) => raw_bytes,
            Err(error) => {
                return Err(match writer.abort() {
                    Ok(()) => error,
                    Err(second) => error.context("not removed", second),
                });
            }
        };
        let info = writer.close().hint("an existing file is replaced with --yes only")?;
        let location = location(destination.storage, destination.key);
        let report = ExportReport { location, size_bytes: info.size, raw_bytes };
        Ok(Outcome::completed(report, source.manifest().map(|manifest| manifest.backup_id)))
    })
}

/// Cuts the plain bytes anew and sends them through the pipeline of a backup.
fn encode(
    context: &Context<'_>,
    source: &Source<'_>,
    codec: Codec,
    writer: &mut dyn StorageWriter,
) -> Result<u64> {
    let control = &context.control;
    let meter = Meter::new(source.raw_bytes(), None);
    let produce = |sink: &dyn FrameSink, control: &Control<'_>| -> Result<()> {
        let cutter = Mutex::new(Cutter { sink, part: 0, data: Vec::new() });
        // Progress is counted once, behind the encoders.
        let quiet = Control { reporter: &NoReporter, ..*control };
        feed_in_order(source, &quiet, &|bytes| match cutter.lock() {
            Ok(mut cutter) => cutter.push(bytes),
            Err(_) => Err(pipeline::panicked()),
        })?;
        cutter.into_inner().map_err(|_| pipeline::panicked())?.finish()
    };
    let summary = pipeline::run(
        codec,
        || Ok(None),
        Limits::of(context),
        &meter,
        control,
        produce,
        |bytes| writer.write(bytes),
    )?;
    Ok(summary.raw_bytes)
}

fn feed_in_order(
    source: &Source<'_>,
    control: &Control<'_>,
    take: &(dyn Fn(&[u8]) -> Result<()> + Sync),
) -> Result<u64> {
    Ok(feed(source, Order::AsStored, 1, control, &|piece, _| take(piece.data))?.raw_bytes)
}

/// Cuts a stream into frames of one size.
struct Cutter<'a> {
    sink: &'a dyn FrameSink,
    part: u64,
    data: Vec<u8>,
}

impl Cutter<'_> {
    const SIZE: usize = FRAME_BYTES as usize;

    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = Self::SIZE.saturating_sub(self.data.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.data.extend_from_slice(now);
            bytes = later;
            if self.data.len() >= Self::SIZE {
                self.send()?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if self.data.is_empty() { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<()> {
        let data = std::mem::replace(&mut self.data, self.sink.buffer(Self::SIZE)?);
        let object = ObjectName::new(ObjectKind::IMAGE.as_str());
        self.sink.send(Frame { section: Section::Data, object, part: self.part, rows: 0, data })?;
        self.part += 1;
        Ok(())
    }
}

/// Writes one entry, compressed, into a zip file that is never seeked in.
fn zip(context: &Context<'_>, source: &Source<'_>, key: &Key, writer: &mut dyn StorageWriter) -> Result<u64> {
    let name = match source.manifest() {
        Some(manifest) => plain_name(&manifest.archive.file, source),
        None => key.file_name().trim_end_matches(".zip").to_owned(),
    };
    let options = SimpleFileOptions::default().large_file(true).unix_permissions(0o600);
    let mut archive = ZipWriter::new_stream(Adapter(writer));
    archive.start_file(name, options).map_err(|error| failed(error.into()))?;
    let archive = Mutex::new(archive);
    let raw_bytes = feed_in_order(source, &context.control, &|bytes| match archive.lock() {
        Ok(mut archive) => archive.write_all(bytes).map_err(failed),
        Err(_) => Err(pipeline::panicked()),
    })?;
    let archive = archive.into_inner().map_err(|_| pipeline::panicked())?;
    archive.finish().map_err(|error| failed(error.into()))?;
    Ok(raw_bytes)
}

fn plain_name(file: &str, source: &Source<'_>) -> String {
    let cipher = CipherKind::extension_of(file).unwrap_or_default();
    let endings = [cipher, source.codec().extension()].map(|ending| format!(".{ending}"));
    endings.iter().fold(file, |file, ending| file.strip_suffix(ending).unwrap_or(file)).to_owned()
}

/// A storage's writer as one of the standard library's.
struct Adapter<'a>(&'a mut dyn StorageWriter);

impl Write for Adapter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map(|()| bytes.len()).map_err(std::io::Error::other)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot write the zip file", error)
}
