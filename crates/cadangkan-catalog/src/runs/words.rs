use crate::words::words;

words! {
    /// What a run does.
    RunKind {
        /// Makes a backup.
        Backup = "backup",
        /// Restores one.
        Restore = "restore",
        /// Checks one.
        Verify = "verify",
        /// Removes what retention or a crash left.
        Cleanup = "cleanup",
        /// Deletes backups that a person named.
        Delete = "delete",
        /// Writes a backup out in another form.
        Export = "export",
        /// Reads a storage's manifests into the catalog.
        Adopt = "adopt",
        /// Copies backups to storages that lack them.
        Sync = "sync",
    }
}

words! {
    /// How a run stands.
    RunStatus {
        /// Not over; or its process died and nobody has noticed yet.
        Running = "running",
        /// Did all of it.
        Completed = "completed",
        /// Did some of it, and said what is missing.
        Partial = "partial",
        /// Did not do it.
        Failed = "failed",
        /// Was stopped by a person or a signal.
        Cancelled = "cancelled",
    }
}
