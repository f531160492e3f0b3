//! The accounts of a backup, made again once its database is in place.

mod script;

use std::collections::BTreeSet;

use cadangkan_core::{Control, Error, ErrorKind, Result, format_some};
use cadangkan_engine::{LoadRequest, LoadUsers, SideKind};
use cadangkan_mywire::{Connection, Flavor, Target};

use super::look::{Look, one, open};
use super::statement::code;
use crate::script::{Account, PUBLIC};
use script::Wanted;

/// Names of a long list that are shown.
const SHOWN: usize = 10;

/// What is done about accounts: worked out before, and then carried out as it is.
#[derive(Clone, Default)]
pub(super) struct Accounts {
    statements: Vec<(Account, Vec<u8>)>,
    pub(super) made: Vec<Account>,
    changed: Vec<Account>,
    left: Vec<Account>,
}

/// Without statements, which hold passwords' hashes.
impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts")
            .field("made", &self.made)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

/// What the target has, as far as accounts are concerned.
struct There {
    accounts: BTreeSet<Account>,
    /// Ways of logging in that the server knows.
    plugins: BTreeSet<String>,
    /// Whoever restores.
    own: Account,
}

/// Works out what is to be done, where users are asked for.
///
/// # Errors
/// `NotFound` when the backup has none, `Unsupported` between MySQL and MariaDB, `Denied` when this user may not.
pub(super) fn plan(
    there: &mut Connection,
    look: &Look,
    request: &LoadRequest,
    warnings: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<Accounts> {
    let Some(wish) = request.options.users else { return Ok(Accounts::default()) };
    let script = request.side_files.get(SideKind::USERS.word).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the backup has no users and grants").hint(
            "its warnings say why (`cadangkan backups info`): leave --users out, or take another backup",
        )
    })?;
    let text = |key: &str| request.attribute(key).unwrap_or_default();
    let is_mariadb = look.version.flavor == Flavor::MariaDb;
    if (text("flavor") == "mariadb") != is_mariadb {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "users of MySQL cannot be made on MariaDB, nor the other way: passwords are hashed in other ways, and privileges have other names",
        )
        .context("backup", text("version"))
        .context("target", &look.version)
        .hint("leave --users out, and make them by hand: the script lies beside the archive"));
    }
    refuse_missing_privileges(look)?;
    let has = There::look(there, is_mariadb, control)?;
    let mut wanted = script::read(script)?;
    let source = text("database");
    let mut elsewhere = wanted.keep_only(&request.together);
    if !source.is_empty() && source != look.name {
        elsewhere += wanted.move_to(source, &look.name);
    }
    if elsewhere > 0 {
        warnings.push(format!("{elsewhere} grants on other databases than {source} are left out"));
    }
    Ok(decide(wanted, &has, wish, is_mariadb, warnings))
}

/// Refuses an account that objects are to run with when it is neither there nor made. Who may not look there is let
/// through: the server itself will tell.
pub(super) fn refuse_missing(
    there: &mut Connection,
    look: &Look,
    account: &Account,
    coming: &Accounts,
    control: &Control<'_>,
) -> Result<()> {
    let has = match There::look(there, look.version.flavor == Flavor::MariaDb, control) {
        Err(error) if error.kind() == ErrorKind::Denied => return Ok(()),
        has => has?,
    };
    if has.accounts.contains(account) || coming.made.contains(account) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotFound, "there is no such user to be the definer")
        .context("definer", account)
        .hint("make the user first, or name one that is there: SELECT User, Host FROM mysql.user"))
}

/// Sorts accounts into those that are made, changed and left.
fn decide(
    wanted: Wanted,
    there: &There,
    wish: LoadUsers,
    is_mariadb: bool,
    warnings: &mut Vec<String>,
) -> Accounts {
    let mut accounts = Accounts::default();
    for entry in &wanted.makes {
        let account = &entry.account;
        let missing: Vec<_> =
            entry.plugins.iter().filter(|plugin| !there.plugins.contains(*plugin)).cloned().collect();
        let is_there = there.accounts.contains(account);
        if is_there && wish == LoadUsers::Missing {
            accounts.left.push(account.clone());
        } else if *account == there.own {
            warnings.push(format!("{account} restores, and so is left as it is"));
        } else if !missing.is_empty() {
            warnings.push(format!(
                "{account} is left out, since the server has no way to log in by {}: install that plugin, or make the user by hand",
                missing.join(", ")
            ));
        } else {
            let statement = if is_there { entry.altering(is_mariadb) } else { Some(entry.making()) };
            accounts.statements.extend(statement.map(|statement| (account.clone(), statement)));
            if is_there { &mut accounts.changed } else { &mut accounts.made }.push(account.clone());
        }
    }
    let meant: BTreeSet<_> = accounts.made.iter().chain(&accounts.changed).cloned().collect();
    let is_meant =
        |account: &Account| meant.contains(account) || account.user == PUBLIC && account.host.is_none();
    accounts.statements.extend(wanted.others.into_iter().filter(|(account, _)| is_meant(account)));
    accounts
}

impl There {
    fn look(there: &mut Connection, is_mariadb: bool, control: &Control<'_>) -> Result<There> {
        let role = if is_mariadb { "is_role" } else { "'N'" };
        let rows =
            there.query(&format!("SELECT User, Host, {role} FROM mysql.user"), control).map_err(|error| {
                match code(&error) {
                Some(1142 | 1143 | 1044) => error.with_kind(ErrorKind::Denied).hint(
                    "grant the user SELECT ON mysql.*, so that it sees who is there, or leave --users out",
                ),
                _ => error,
            }
            })?;
        let account = |row: Vec<Option<String>>| {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let (user, host) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
            let is_role = row.next().is_some_and(|is_role| is_role == "Y");
            Account { user, host: (!is_role).then_some(host) }
        };
        let accounts = rows.into_iter().map(account).collect();
        let sql = "SELECT LOWER(PLUGIN_NAME) FROM information_schema.PLUGINS
                    WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'";
        let plugins = there.query(sql, control)?.into_iter().flatten().flatten().collect();
        let own = one(there, "SELECT CURRENT_USER()", control)?.unwrap_or_default();
        let (user, host) = own.rsplit_once('@').unwrap_or((&own, ""));
        let own = Account { user: user.to_owned(), host: Some(host.to_owned()) };
        Ok(There { accounts, plugins, own })
    }
}

fn refuse_missing_privileges(look: &Look) -> Result<()> {
    // What counts in a database that no pattern is of counts everywhere.
    let mut missing = look.grants.missing("\u{1}", &["CREATE USER"]);
    missing.extend(look.grants.missing(&look.name, &["GRANT OPTION"]));
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Denied, "the user may not make users and give them privileges")
        .context("missing", missing.join(", "))
        .hint("restore as a user with CREATE USER and GRANT OPTION, or leave --users out"))
}

impl Accounts {
    /// What will be done, as steps of a plan.
    pub(super) fn steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        if !self.made.is_empty() {
            steps.push(format!("make the users and roles {}, with their grants", some(&self.made)));
        }
        if !self.changed.is_empty() {
            steps.push(format!(
                "give {}, who are there, password, settings and grants of the backup",
                some(&self.changed)
            ));
        }
        if !self.left.is_empty() {
            steps.push(format!("{} (--users=replace changes them)", self.left_as_they_are()));
        }
        steps
    }

    fn left_as_they_are(&self) -> String {
        format!("leave the users and roles {} as they are: they are there already", some(&self.left))
    }

    /// Does it; returns what a person should know.
    ///
    /// # Errors
    /// `Partial` when the server refused something. The rest is done all the same.
    pub(super) fn make(self, server: &Target, control: &Control<'_>) -> Result<Vec<String>> {
        if self.statements.is_empty() {
            return Ok(self.notes(&[]));
        }
        let mut connection = open(server, control)?;
        connection.execute("SET SESSION sql_mode = ''", control)?;
        let (mut failed, mut absent) = (Vec::new(), Vec::new());
        for (account, statement) in &self.statements {
            match connection.execute(statement, control) {
                Ok(_) => {}
                // A grant on a table or routine that was not restored.
                Err(error) if matches!(code(&error), Some(1146 | 1305)) => absent.push(account.to_string()),
                Err(error) if connection.is_broken() => return Err(incomplete(error)),
                Err(error) => failed.push((account.to_string(), error)),
            }
        }
        match failed.into_iter().next() {
            None => Ok(self.notes(&absent)),
            Some((account, error)) => Err(incomplete(error).context("account", account)),
        }
    }

    fn notes(&self, absent: &[String]) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.made.is_empty() {
            notes.push(format!("users and roles made: {}", some(&self.made)));
        }
        if !self.changed.is_empty() {
            notes.push(format!("users and roles changed: {}", some(&self.changed)));
        }
        if !self.left.is_empty() {
            notes.push(format!(
                "users and roles left as they were, since they were there: {}",
                some(&self.left)
            ));
        }
        if !absent.is_empty() {
            notes.push(format!(
                "grants on tables and routines that are not there are left out: of {}",
                absent.join(", ")
            ));
        }
        notes
    }
}

/// The error for a restore that is done but for accounts.
fn incomplete(error: Error) -> Error {
    error
        .with_kind(ErrorKind::Partial)
        .context("target", "the database is restored and in its place; users and grants are not complete")
        .hint("correct what the error says, then run the script beside the archive by the server's own client: it can be run again")
}

/// Names a few of many.
fn some(accounts: &[Account]) -> String {
    let names: Vec<_> =
        accounts.iter().map(|account| account.to_string().escape_debug().to_string()).collect();
    format_some(&names, SHOWN)
}
