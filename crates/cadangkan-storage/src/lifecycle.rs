use cadangkan_core::Result;

/// What a storage does by itself with objects as they grow older, by rules that somebody gave it.
pub trait Lifecycle {
    /// The rules that the settings ask for.
    fn wanted(&self) -> Vec<LifecycleRule>;

    /// The rules that are there and may concern the folder of this storage, ours first.
    fn found(&self) -> Result<Vec<LifecycleRule>>;

    /// Sets the rules that the settings ask for in the place of those set before. Rules of others stay as they are.
    fn set(&self) -> Result<()>;

    /// Removes the rules that were set. Rules of others stay as they are. Done also when there are none.
    fn clear(&self) -> Result<()>;
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LifecycleRule {
    /// Its name.
    pub id: String,
    /// Whether it was set by this program, for this storage.
    pub ours: bool,
    /// What it does, for people.
    pub does: String,
    /// Whether it removes objects, so that backups go whatever the retention policy says.
    pub removes: bool,
}
