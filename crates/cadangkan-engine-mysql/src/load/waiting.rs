use cadangkan_core::{Control, Result};
use cadangkan_engine::Later;
use cadangkan_mywire::Target;

use super::definitions::is_for_lack;
use super::entries::Entry;
use super::look::open;

/// Views that read what is in other databases, which are restored after theirs.
pub(super) struct Waiting {
    /// Their database.
    pub(super) target: Target,
    pub(super) views: Vec<Entry>,
}

impl Later for Waiting {
    fn make(&mut self, control: &Control<'_>) -> Result<()> {
        let mut connection = open(&self.target, control)?;
        loop {
            let (before, mut left, mut lack) = (self.views.len(), Vec::new(), None);
            for view in &self.views {
                match view.run(&mut connection, control) {
                    Err(error) if is_for_lack(&error) => {
                        left.push(view.clone());
                        lack = Some(error);
                    }
                    made => made?,
                }
            }
            self.views = left;
            match lack {
                None => return Ok(()),
                Some(error) if self.views.len() == before => return Err(error),
                Some(_) => {}
            }
        }
    }

    fn left(&self) -> usize {
        self.views.len()
    }
}
