//! Frames on their way from a dump into an archive: encoded by several threads, appended by one, in order.
//!
//! Memory is bounded by slots: a frame takes one when it is sent and gives it back when it is stored. When any
//! stage fails it lets go of its channels, and the others end by themselves.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{ScopedJoinHandle, scope};

use cadangkan_archive::{ArchiveSummary, ArchiveWriter, Codec, EncodedFrame, Sealer};
use cadangkan_core::{Control, Error, ErrorKind, Event, Frame, Progress, Result, first_cause};
use cadangkan_engine::FrameSink;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::Context;

/// The size of a frame that engines aim at, in bytes before compression; what memory is reckoned with.
pub const FRAME_BYTES: u64 = 4 << 20;

/// How much runs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that encode.
    pub workers: usize,
    /// Frames under way at once.
    pub slots: usize,
}

impl Limits {
    /// Reckons from the context: enough frames that no worker waits, as far as memory allows, at least two.
    pub fn of(context: &Context<'_>) -> Self {
        let workers = context.workers.max(1);
        // A slot holds the frame before and after encoding.
        let affordable = usize::try_from(context.memory / (2 * FRAME_BYTES)).unwrap_or(usize::MAX);
        Limits { workers, slots: (workers * 3).min(affordable).max(2) }
    }

    /// The most bytes that frames under way take.
    pub fn memory(&self) -> u64 {
        self.slots as u64 * 2 * FRAME_BYTES
    }
}

/// How far a run has come: what there is to do, and the objects that are done.
#[derive(Debug, Default)]
pub struct Meter {
    total: Progress,
    objects: AtomicU64,
}

impl Meter {
    /// Makes a meter for what there is to do, as far as it is known.
    pub fn new(total_bytes: Option<u64>, total_objects: Option<u64>) -> Self {
        Meter {
            total: Progress { total_bytes, total_objects, ..Progress::default() },
            objects: AtomicU64::new(0),
        }
    }

    /// Counts an object as done.
    pub fn object_done(&self) {
        self.objects.fetch_add(1, Ordering::Relaxed);
    }

    fn at(&self, bytes: u64) -> Event<'static> {
        Event::Progress(Progress { bytes, objects: self.objects.load(Ordering::Relaxed), ..self.total })
    }
}

/// Runs `produce`, encodes what it sends and gives the archive's bytes, sealed where there is a sealer, to `store`, in the
/// order of sending. `begin_sealer` may take a while, in which frames are made already.
///
/// `produce` runs in a thread of its own and may start more; it is cancelled when another stage fails. The error
/// that made the others happen is returned.
pub fn run<P, S>(
    codec: Codec,
    begin_sealer: impl FnOnce() -> Result<Option<Sealer>>,
    limits: Limits,
    meter: &Meter,
    control: &Control<'_>,
    produce: P,
    store: S,
) -> Result<ArchiveSummary>
where
    P: FnOnce(&dyn FrameSink, &Control<'_>) -> Result<()> + Send,
    S: FnMut(&[u8]) -> Result<()>,
{
    let (frame_sender, frame_receiver) = bounded(limits.slots);
    let (encoded_sender, encoded_receiver) = bounded(limits.slots);
    let (slot_sender, slot_receiver) = bounded(limits.slots);
    // Buffers go round, so that memory stays where it is whatever the size: frames to the dump, encoded ones to the
    // encoders.
    let (spare_sender, spare_receiver) = unbounded();
    let (room_sender, room_receiver) = unbounded();
    for _ in 0..limits.slots {
        let _ = slot_sender.send(());
    }
    let stop = control.cancel.child();
    scope(|scope| {
        let sink =
            Sink { slots: slot_receiver, spares: spare_receiver, frames: Mutex::new((0, frame_sender)) };
        let producer = scope.spawn(|| {
            let sink = sink;
            produce(&sink, &Control { cancel: &stop, ..*control })
        });
        let encoders: Vec<_> = (0..limits.workers)
            .map(|_| {
                let (frames, encoded) = (frame_receiver.clone(), encoded_sender.clone());
                let room = room_receiver.clone();
                scope.spawn(move || encode(codec, &frames, &room, &encoded))
            })
            .collect();
        // The clones in the threads keep the channels open; these would keep them open for ever.
        drop((frame_receiver, encoded_sender));
        let returns = Returns { slot_sender, spare_sender, room_sender };
        let stored = begin_sealer().and_then(|sealer| {
            let writer = ArchiveWriter::new(codec, sealer, store);
            append(writer, meter, control, encoded_receiver, returns)
        });
        if stored.is_err() {
            stop.cancel();
        }
        // Encoders end when the dump has ended or the writer has gone.
        let encoded = encoders.into_iter().map(join).collect::<Result<Vec<()>>>();
        let produced = join(producer);
        match (stored, produced) {
            (Ok(writer), Ok(())) => encoded.and_then(|_| writer.finish()),
            (Err(error), Ok(())) | (Ok(_), Err(error)) => Err(error),
            (Err(stored), Err(produced)) => {
                // Of two that were stopped, the writer knows why.
                first_cause::<()>(vec![Err(stored), Err(produced)]).and(Err(panicked()))
            }
        }
    })
}

type Numbered = (u64, Frame);
type Encoded = Result<(u64, EncodedFrame, Vec<u8>)>;

struct Sink {
    slots: Receiver<()>,
    spares: Receiver<Vec<u8>>,
    frames: Mutex<(u64, Sender<Numbered>)>,
}

impl FrameSink for Sink {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        let mut buffer = self.spares.try_recv().unwrap_or_default();
        buffer.clear();
        buffer.reserve(capacity);
        Ok(buffer)
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.slots.recv().map_err(|_| torn_down())?;
        // Numbered and sent under one lock: the order of numbers is the order in the queue.
        let mut frames = self.frames.lock().map_err(|_| torn_down())?;
        let (number, sender) = &mut *frames;
        sender.send((*number, frame)).map_err(|_| torn_down())?;
        *number += 1;
        Ok(())
    }
}

/// Encodes until the queue ends. A failure goes down the queue, so that the writer sees it and lets go of all.
fn encode(
    codec: Codec,
    frames: &Receiver<Numbered>,
    room: &Receiver<Vec<u8>>,
    encoded: &Sender<Encoded>,
) -> Result<()> {
    let work = || -> Result<()> {
        let mut encoder = codec.encoder()?;
        for (number, frame) in frames {
            let result = encoder.encode(&frame, room.try_recv().unwrap_or_default())?;
            if encoded.send(Ok((number, result, frame.data))).is_err() {
                break;
            }
        }
        Ok(())
    };
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()));
    // When the writer has gone already, it has its own reason.
    result.or_else(|error| encoded.send(Err(error)).or(Ok(())))
}

/// What the writer gives back when a frame is stored.
struct Returns {
    slot_sender: Sender<()>,
    spare_sender: Sender<Vec<u8>>,
    room_sender: Sender<Vec<u8>>,
}

fn append<S: FnMut(&[u8]) -> Result<()>>(
    mut writer: ArchiveWriter<S>,
    meter: &Meter,
    control: &Control<'_>,
    encoded: Receiver<Encoded>,
    returns: Returns,
) -> Result<ArchiveWriter<S>> {
    let mut waiting = BTreeMap::new();
    let (mut next, mut bytes) = (0, 0);
    for frame in encoded {
        let (number, frame, raw) = frame?;
        control.check()?;
        waiting.insert(number, (frame, raw));
        while let Some((frame, raw)) = waiting.remove(&next) {
            writer.append(&frame)?;
            bytes += frame.raw_len;
            control.reporter.report(&meter.at(bytes));
            next += 1;
            // Nobody takes them any more once the dump is over.
            let _ = returns.spare_sender.send(raw);
            let _ = returns.room_sender.send(frame.stored);
            let _ = returns.slot_sender.send(());
        }
    }
    control.check()?;
    if waiting.is_empty() { Ok(writer) } else { Err(torn_down()) }
}

fn join(thread: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|_| Err(panicked()))
}

pub(crate) fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a thread of the pipeline panicked")
}

pub(crate) fn torn_down() -> Error {
    Error::new(ErrorKind::Cancelled, "another part of the run failed")
}
