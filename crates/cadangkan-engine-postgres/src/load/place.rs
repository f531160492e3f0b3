//! Where a load goes, and how it gets out of it again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::LoadMode;
use cadangkan_pgwire::Target;

use super::beside::Beside;
use super::look::{Look, open};
use super::objects;
use super::plan::{Detail, Was, Way};
use super::preflight::shape;

/// Where a load goes.
pub(super) enum Place {
    /// A database of its own.
    Beside(Box<Beside>),
    /// The target itself.
    Inside(Box<Inside>),
}

/// A target that is loaded into as it is.
pub(super) struct Inside {
    target: Target,
    mode: LoadMode,
    /// Whether all of it is a transaction that ends with the load.
    held: bool,
    /// What was in it before.
    before: HashSet<(u64, u64)>,
    large_objects_before: bool,
    /// Whether anything may have been done yet.
    touched: Arc<AtomicBool>,
    /// Whether another program did it in a transaction of its own, which has ended.
    committed: AtomicBool,
}

impl Place {
    /// Makes ready what the plan said.
    pub(super) fn prepare(look: &Look, detail: &Detail, held: bool, control: &Control<'_>) -> Result<Place> {
        let shape = shape(&detail.request, look);
        Ok(match detail.way {
            Way::Beside(old) => Place::Beside(Box::new(Beside::create(look, &shape, old, control)?)),
            Way::Recreate => Place::Beside(Box::new(Beside::recreate(look, &shape, control)?)),
            Way::Inside => {
                let mut here = open(&look.target, control)?;
                let before = objects::list(&mut here, control)?.into_iter().map(|object| object.id).collect();
                Place::Inside(Box::new(Inside {
                    target: look.target.clone(),
                    mode: detail.request.mode,
                    held,
                    before,
                    large_objects_before: detail.was != Was::Empty
                        && look.present.as_ref().is_some_and(|present| present.large_objects),
                    touched: Arc::default(),
                    committed: AtomicBool::new(false),
                }))
            }
        })
    }

    /// The database to load into.
    pub(super) fn target(&self) -> Target {
        match self {
            Place::Beside(beside) => beside.place(),
            Place::Inside(inside) => inside.target.clone(),
        }
    }

    /// Takes note that something is about to be done.
    pub(super) fn touch(&self) {
        if let Place::Inside(inside) = self {
            inside.touched.store(true, Ordering::Relaxed);
        }
    }

    /// What is set by others when something is about to be done.
    pub(super) fn touched(&self) -> Arc<AtomicBool> {
        match self {
            Place::Beside(_) => Arc::default(),
            Place::Inside(inside) => Arc::clone(&inside.touched),
        }
    }

    /// Takes note that another program has committed what it did.
    pub(super) fn take_commit(&self) {
        if let Place::Inside(inside) = self {
            inside.committed.store(true, Ordering::Relaxed);
        }
    }

    /// What the target is after a load that failed, as a sentence for its error.
    pub(super) fn after_failure(&self) -> String {
        match self {
            Place::Beside(beside) if beside.has_dropped() => format!(
                "the old database was dropped before; the new one, {}, is dropped too",
                beside.name()
            ),
            Place::Beside(beside) => format!("as it was; the new database {} is dropped", beside.name()),
            Place::Inside(inside) if inside.held => "as it was: the transaction is rolled back".to_owned(),
            Place::Inside(inside) if !inside.touched.load(Ordering::Relaxed) => "as it was: nothing was done yet".to_owned(),
            Place::Inside(inside) => match inside.mode {
                LoadMode::Fresh => "what was loaded is dropped again".to_owned(),
                _ => "a part of the backup is in it, and what it had of the same names is dropped: restore again".to_owned(),
            },
        }
    }

    /// Removes all that the load made, as far as that is possible.
    ///
    /// # Errors
    /// `Partial` when something is left, or when the target's old content was dropped and cannot come back.
    pub(super) fn undo(&self, control: &Control<'_>) -> Result<()> {
        match self {
            Place::Beside(beside) => beside.remove(control),
            Place::Inside(inside) if !inside.touched.load(Ordering::Relaxed) => Ok(()),
            Place::Inside(inside) if inside.held && !inside.committed.load(Ordering::Relaxed) => Ok(()),
            Place::Inside(inside) if inside.mode == LoadMode::Fresh => {
                let mut here = open(&inside.target, control)?;
                objects::sweep(&mut here, &inside.before, inside.large_objects_before, control)
            }
            Place::Inside(inside) => Err(Error::new(
                ErrorKind::Partial,
                "the target holds a part of the backup, and its own objects of the same names are gone",
            )
            .context("database", inside.target.database())
            .hint("restore again with `--mode clean`, or with `--one-transaction`, which leaves the target as it was when it fails")),
        }
    }
}
