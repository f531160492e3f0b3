//! How connections of a load are set up.

use std::time::Duration;

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, Flavor};

use super::pool::run_setting;

/// What differs between loads.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// How long a statement waits for a lock.
    pub(super) lock_timeout: Duration,
    /// Whether unique keys are checked row by row, which takes longer: rows may meet others.
    pub(super) unique_checks: bool,
}

impl Session {
    /// Makes the settings of a session: fast, and independent of the server's and the user's. They hold for the
    /// session only, so nothing is to be put back. The binary log is left alone: replicas need the rows.
    pub(super) fn set_up(&self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        let seconds = self.lock_timeout.as_secs().clamp(1, 31_536_000);
        let sets = format!(
            "SET SESSION foreign_key_checks = 0, unique_checks = {}, autocommit = 0, sql_notes = 0,
             lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}, wait_timeout = 2147483,
             net_read_timeout = 3600, net_write_timeout = 3600",
            u8::from(self.unique_checks)
        );
        connection.execute(sets, control).context("during", "setting up the session")?;
        let ours = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'";
        connection.execute(ours, control).context("during", "setting up the session")?;
        connection.execute("SET NAMES utf8mb4", control).context("during", "setting up the session")?;
        let more: &[&str] = match connection.version().flavor {
            // Rows that broke a rule that came later are restored as they were; so is the history of tables.
            Flavor::MariaDb => &[
                "SET SESSION check_constraint_checks = 0",
                "SET SESSION max_statement_time = 0",
                "SET SESSION system_versioning_alter_history = KEEP",
                "SET SESSION system_versioning_insert_history = 1",
                "SET SESSION idle_transaction_timeout = 0",
            ],
            // Tables without a primary key are restored without one.
            Flavor::MySql => &[
                "SET SESSION sql_require_primary_key = 0",
                "SET SESSION sql_generate_invisible_primary_key = 0",
                "SET SESSION innodb_ddl_buffer_size = 67108864",
                "SET SESSION show_create_table_skip_secondary_engine = 0",
            ],
        };
        more.iter().try_for_each(|setting| run_setting(connection, setting.as_bytes(), control))
    }
}
