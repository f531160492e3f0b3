//! How connections that read are set up.

use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, Flavor, Target, server_error};

/// How long the server may send nothing while rows are read.
const SILENCE: Duration = Duration::from_secs(900);

/// Settings of every server: text that depends on neither user nor server, as it is stored, and no limits.
///
/// Results come in the character set of each column (`character_set_results`), so that no conversion loses anything.
const SETTINGS: &str = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00',
  character_set_results = NULL, sql_quote_show_create = 1, sql_select_limit = 18446744073709551615,
  net_read_timeout = 31536000, net_write_timeout = 31536000, wait_timeout = 2147483, autocommit = 1";

/// Settings that only some servers have; a server that does not know one does not need it.
const MORE: &[(Flavor, &str)] = &[
    (Flavor::MariaDb, "max_statement_time = 0"),
    (Flavor::MariaDb, "idle_transaction_timeout = 0"),
    (Flavor::MariaDb, "idle_readonly_transaction_timeout = 0"),
    (Flavor::MySql, "max_execution_time = 0"),
    (Flavor::MySql, "information_schema_stats_expiry = 0"),
    (Flavor::MySql, "show_gipk_in_create_table_and_information_schema = ON"),
    (Flavor::MySql, "show_create_table_skip_secondary_engine = OFF"),
];

/// Opens a connection whose values come out as they are stored.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
    let mut connection = Connection::open(target, control)?;
    supported(&connection)?;
    connection.set_silence(Some(SILENCE));
    // A server may be set to another level, under which there are no snapshots.
    for settings in ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", SETTINGS] {
        connection.execute(settings, control).context("during", "setting up the session")?;
    }
    for (flavor, setting) in MORE {
        if connection.version().flavor != *flavor {
            continue;
        }
        match connection.execute(format!("SET SESSION {setting}"), control) {
            // Unknown, or reserved for those who may: then it is as the administrator wants it.
            Err(error) if is(&error, &[1193, 1227, 1229, 1238]) => {}
            result => {
                result.context("during", "setting up the session")?;
            }
        }
    }
    Ok(connection)
}

/// Tells whether an error is one of these of the server.
pub(crate) fn is(error: &Error, codes: &[u16]) -> bool {
    server_error(error).is_some_and(|server| codes.contains(&server.code))
}

/// Refuses servers that are too old.
fn supported(connection: &Connection) -> Result<()> {
    let version = connection.version();
    let oldest = match version.flavor {
        Flavor::MySql => (5, 7, 0),
        Flavor::MariaDb => (10, 4, 0),
    };
    if version.number >= oldest {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "this server is too old").context("version", version).hint(
        "MySQL from 5.7 and MariaDB from 10.4 on are supported; for older ones use their own mysqldump",
    ))
}
