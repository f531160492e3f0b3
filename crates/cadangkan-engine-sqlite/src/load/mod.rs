//! Loads an image: written beside the target, proved there, then put in its place.

mod copy;
mod image;
mod place;
mod plan;
mod prove;
mod select;
mod target;
mod temporary;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::{Load, LoadPlan, LoadReport, Piece};
use rusqlite::Connection;

pub(crate) use plan::plan;
pub(crate) use temporary::{kept_prefix, remove_group, temporary_prefix};

use crate::descriptor::Config;
use crate::errors::explain;
use image::ImageWriter;
use place::Placement;
use plan::{Detail, Goal};
use temporary::Temporary;

/// Pieces that may be written at once: enough to keep the cores that decompress busy.
const CONNECTIONS: usize = 4;

/// Begins to carry out a plan.
pub(crate) fn begin(config: &Config, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
    let Some(detail) = plan.detail.downcast_ref::<Detail>() else {
        return Err(Error::new(ErrorKind::Internal, "the plan is another engine's"));
    };
    if target::look(config, control)? != detail.target {
        return Err(Error::new(ErrorKind::Conflict, "the target has changed since the restore was planned")
            .context("path", config.path.display())
            .hint("start the restore again"));
    }
    let path = target::resolve(&config.path)?;
    target::check_space(&path, detail)?;
    let image = ImageWriter::create(Temporary::beside(&path), detail.request.raw_bytes)?;
    let kept = temporary::kept_path(&path, control.clock.now());
    Ok(Box::new(SqliteLoad {
        path,
        kept,
        detail: detail.clone(),
        busy_timeout: config.busy_timeout,
        image,
        finished: Mutex::new(None),
    }))
}

/// A load under way. Fields are dropped in order: a transaction ends before the files that it reads from go.
struct SqliteLoad {
    finished: Mutex<Option<Finished>>,
    image: ImageWriter,
    path: PathBuf,
    kept: PathBuf,
    detail: Detail,
    busy_timeout: Duration,
}

/// What waits to be committed.
enum Finished {
    /// The image itself is the new file.
    Image,
    /// A file made from the image.
    Made(Temporary),
    /// A transaction in the target.
    Transaction(Connection),
}

impl Load for SqliteLoad {
    fn connections(&self) -> usize {
        CONNECTIONS
    }

    fn load(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        control.check()?;
        self.image.write(piece.raw_offset, piece.data)
    }

    fn finish(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        let proof = prove::image(&mut self.image, self.detail.request.check, control)?;
        let (finished, tables) = match self.detail.goal {
            Goal::Image => (Finished::Image, proof.tables),
            Goal::NewDatabase => {
                let (made, tables) =
                    select::into_new(&self.path, &self.image, &self.detail.request, control)?;
                (Finished::Made(made), tables)
            }
            Goal::InPlace => {
                let (connection, tables) = select::into_target(
                    &self.path,
                    &self.image,
                    &self.detail.request,
                    self.busy_timeout,
                    control,
                )?;
                (Finished::Transaction(connection), tables)
            }
        };
        *self.finished.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(finished);
        Ok(LoadReport { tables, image: Some(proof.fingerprint), check: proof.check, ..LoadReport::default() })
    }

    fn commit(mut self: Box<Self>) -> Result<Vec<String>> {
        let finished = self.finished.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let new = match finished {
            None => return Err(Error::new(ErrorKind::Internal, "the load was not finished")),
            Some(Finished::Transaction(connection)) => {
                connection
                    .execute_batch("COMMIT")
                    .map_err(|error| explain(error, "commit the restored tables", &self.path))?;
                return Ok(vec![
                    "the tables were restored inside the database in one transaction".to_owned(),
                ]);
            }
            Some(Finished::Image) => self.image.path().to_owned(),
            Some(Finished::Made(ref made)) => made.path().to_owned(),
        };
        let placement = Placement {
            new,
            path: self.path.clone(),
            kept: (!self.detail.request.drop_old).then(|| self.kept.clone()),
            expected: self.detail.target.clone(),
            busy_timeout: self.busy_timeout,
        };
        let notes = placement.carry_out();
        drop(finished);
        notes
    }

    fn abort(self: Box<Self>) -> Result<()> {
        let SqliteLoad { finished, image, .. } = *self;
        // An open transaction is rolled back as its connection closes.
        let made = match finished.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Finished::Made(made)) => Some(made),
            _ => None,
        };
        image.remove()?;
        made.map_or(Ok(()), Temporary::remove)
    }
}
