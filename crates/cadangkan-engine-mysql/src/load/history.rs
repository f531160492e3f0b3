//! The place in the source's history that a target takes over, so that it goes on from there as a replica.

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::LoadRequest;
use cadangkan_mywire::{Connection, Flavor, Target, literal};

use super::look::{Look, one, open};
use super::statement::code;

/// Said of a connection whose changes no replica of the target gets, nor its own history.
pub(super) const WITHOUT_LOG: &str = "SET SESSION sql_log_bin = 0";

/// A place that is taken over: worked out before, and then carried out as it is.
#[derive(Clone, Debug)]
pub(super) struct History {
    statement: String,
    /// As a person reads it.
    shown: String,
    /// Whether it waits for the last of the databases that are restored together.
    waits: bool,
}

/// Works out what is to be set, where that is asked for.
///
/// # Errors
/// `NotFound` when the backup has no such place, `Unsupported` between MySQL and MariaDB, `Conflict` when the server
/// has a history of its own that does not go with it, `Denied` when this user may not.
pub(super) fn plan(
    there: &mut Connection,
    look: &Look,
    request: &LoadRequest,
    warnings: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<Option<History>> {
    if !request.options.adopt_position {
        return Ok(None);
    }
    let is_mariadb = look.version.flavor == Flavor::MariaDb;
    let flavor = request.attribute("flavor");
    if flavor.is_some_and(|flavor| (flavor == "mariadb") != is_mariadb) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "GTIDs of MySQL mean nothing to MariaDB, nor the other way",
        )
        .hint("leave --gtid-purged out"));
    }
    let text = |key: &str| {
        request.position.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty())
    };
    let found =
        if is_mariadb { text("gtid_current_pos").or(text("gtid_binlog_pos")) } else { text("gtid_executed") };
    let place = found.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the backup has no GTIDs: its server had none, or its user might not read them")
            .hint("leave --gtid-purged out, or take a backup of a server with GTIDs as a user with RELOAD and REPLICATION CLIENT")
    })?;
    let privileges: &[&str] = match is_mariadb {
        true => &["SUPER", "REPLICATION SLAVE ADMIN"],
        false => &["SUPER", "SYSTEM_VARIABLES_ADMIN"],
    };
    if privileges.iter().all(|privilege| !look.grants.missing("\u{1}", &[privilege]).is_empty()) {
        return Err(Error::new(ErrorKind::Denied, "the user may not set the server's GTIDs")
            .context("missing", privileges.join(" or "))
            .hint("restore as a user with that privilege, or leave --gtid-purged out"));
    }
    let statement = if is_mariadb {
        of_mariadb(there, place, warnings, control)?
    } else {
        of_mysql(there, place, control)?
    };
    let name = request.attribute("database");
    let waits = request.together.last().is_some_and(|last| Some(last.as_str()) != name);
    Ok(Some(History { statement, shown: place.to_owned(), waits }))
}

fn of_mysql(there: &mut Connection, place: &str, control: &Control<'_>) -> Result<String> {
    let mode = one(there, "SELECT @@GLOBAL.gtid_mode", control)?.unwrap_or_default();
    if !mode.to_ascii_uppercase().starts_with("ON") {
        return Err(Error::new(ErrorKind::Conflict, "the server keeps no GTIDs")
            .context("gtid_mode", mode)
            .hint("set gtid_mode = ON there, or leave --gtid-purged out"));
    }
    let place = literal(place);
    let executed = one(there, "SELECT @@GLOBAL.gtid_executed", control)?.unwrap_or_default();
    if executed.is_empty() {
        return Ok(format!("SET @@GLOBAL.gtid_purged = {place}"));
    }
    // With a plus only what the server does not have may be added (manual, "gtid_purged").
    let sql = format!("SELECT GTID_SUBTRACT({place}, @@GLOBAL.gtid_executed) = GTID_SUBTRACT({place}, '')");
    if one(there, &sql, control)?.as_deref() == Some("1") {
        return Ok(format!("SET @@GLOBAL.gtid_purged = CONCAT('+', {place})"));
    }
    Err(Error::new(ErrorKind::Conflict, "the server has some of the backup's transactions already, and takes no GTIDs twice")
        .context("gtid_executed", executed.replace('\n', ""))
        .hint("on a server that nobody needs the log of, RESET BINARY LOGS AND GTIDS empties it; else leave --gtid-purged out"))
}

fn of_mariadb(
    there: &mut Connection,
    place: &str,
    warnings: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<String> {
    let present = one(there, "SELECT @@GLOBAL.gtid_slave_pos", control)?.unwrap_or_default();
    if !present.is_empty() && present != place {
        return Err(Error::new(ErrorKind::Conflict, "the server is, or was, a replica, and has a place in a history already")
            .context("gtid_slave_pos", present)
            .hint("when it is to follow the backup's server: STOP ALL SLAVES; SET GLOBAL gtid_slave_pos = ''; else leave --gtid-purged out"));
    }
    if is_replicating(there, control)? {
        return Err(Error::new(ErrorKind::Conflict, "replication is running on the server")
            .hint("STOP ALL SLAVES first, or leave --gtid-purged out"));
    }
    let own = one(there, "SELECT @@GLOBAL.gtid_binlog_pos", control)?.unwrap_or_default();
    let domain = |gtid: &str| gtid.split('-').next().map(str::to_owned);
    let domains: Vec<_> = place.split(',').filter_map(domain).collect();
    if own.split(',').filter(|gtid| !gtid.is_empty()).filter_map(domain).any(|own| domains.contains(&own)) {
        warnings.push(format!(
            "the server's own log has transactions of the same domain ({own}): follow the backup's server with MASTER_USE_GTID = slave_pos, or RESET MASTER first"
        ));
    }
    Ok(format!("SET GLOBAL gtid_slave_pos = {}", literal(place)))
}

/// Whether the server follows another one, as far as this user may know.
fn is_replicating(there: &mut Connection, control: &Control<'_>) -> Result<bool> {
    let sql =
        "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVES_RUNNING'";
    match one(there, sql, control) {
        Err(error) if code(&error).is_some() => Ok(false),
        running => Ok(running?.is_some_and(|running| running != "0" && !running.eq_ignore_ascii_case("off"))),
    }
}

impl History {
    /// What will be done, as a step of a plan.
    pub(super) fn step(&self) -> String {
        let without_log = "nothing of the restore goes into the binary log";
        if self.waits {
            return format!(
                "{without_log}; the place in the history of the backup's server is taken over with the last database"
            );
        }
        format!("take over the place in the history of the backup's server, {}; {without_log}", self.shown)
    }

    /// Does it when it is its turn; returns what a person should know.
    ///
    /// # Errors
    /// `Partial` when the server refuses: all else is done.
    pub(super) fn take_over(&self, server: &Target, control: &Control<'_>) -> Result<Option<String>> {
        if self.waits {
            return Ok(None);
        }
        let set = || open(server, control)?.execute(&self.statement, control);
        set().map_err(|error| {
            error
                .with_kind(ErrorKind::Partial)
                .context(
                    "target",
                    "the database is restored and in its place; the server's GTIDs are as they were",
                )
                .context("statement", &self.statement)
                .hint("correct what the error says, then run that statement by hand")
        })?;
        Ok(Some(format!("the server goes on from {}", self.shown)))
    }
}
