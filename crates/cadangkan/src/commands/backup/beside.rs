use cadangkan_engine::{DumpOptions, Users};

/// What lies beside the archive.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Beside the archive")]
pub(crate) struct BesideArgs {
    /// Fail where users and grants cannot be kept; they are, where this user may read them
    #[arg(long)]
    users: bool,
    /// Leave users and grants out
    #[arg(long, conflicts_with = "users")]
    exclude_users: bool,
    /// Also a file with the position in the server's log: GTIDs, binary log and offset
    #[arg(long)]
    capture_gtid: bool,
}

impl BesideArgs {
    /// The same for an engine.
    pub(super) fn options(self) -> DumpOptions {
        let users = match (self.users, self.exclude_users) {
            (true, _) => Users::Required,
            (_, true) => Users::Excluded,
            _ => Users::IfReadable,
        };
        DumpOptions { users, capture_position: self.capture_gtid, ..DumpOptions::default() }
    }
}
