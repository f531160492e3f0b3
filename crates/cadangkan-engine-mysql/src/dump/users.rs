//! The accounts that concern a backup, as a script that the servers' own clients run.

mod accounts;
mod who;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, format_some};
use cadangkan_engine::{DumpRequest, SideFile, SideKind, Users};
use cadangkan_mywire::{Connection, Flavor};

use crate::catalog::Schema;
use crate::script::{self, Account, AccountStatement, Does, On, PUBLIC, cautious, plain_grant};
use crate::session::is;
pub(super) use accounts::Accounts;
use accounts::Statements;
use who::{Everybody, concerned};
pub(super) use who::{Scope, definers};

/// What was found, or why it was not.
#[derive(Default)]
pub(super) struct Found {
    pub(super) file: Option<SideFile>,
    pub(super) warnings: Vec<String>,
}

/// Names databases for a comment.
pub(super) fn named(schemas: &[Schema]) -> String {
    let names: Vec<_> = schemas.iter().map(|schema| schema.name.escape_debug().to_string()).collect();
    let word = if names.len() == 1 { "database" } else { "databases" };
    format!("{word} {}", format_some(&names, 100))
}

/// Whether accounts are meant: with a part of a database they are only where they were asked for.
pub(super) fn wish(request: &DumpRequest) -> Users {
    let selection = &request.selection;
    match request.options.users {
        Users::IfReadable if selection.is_of_tables() || selection.data_only => Users::Excluded,
        wish => wish,
    }
}

/// Reads the accounts that concern a database; what was read for one before is `kept`.
///
/// # Errors
/// `Denied` where they were asked for and this user may not read them; otherwise that is a warning.
pub(super) fn side_file(
    connection: &mut Connection,
    kept: &mut Option<Accounts>,
    scope: &Scope<'_>,
    wish: Users,
    control: &Control<'_>,
) -> Result<Found> {
    let mut warnings = Vec::new();
    let read = script(connection, kept, scope, &mut warnings, control);
    let file = or_told(read, wish, &mut warnings)?.map(|bytes| SideFile { kind: SideKind::USERS, bytes });
    Ok(Found { file, warnings })
}

/// What a plan says of a file.
pub(super) struct Planned {
    pub(super) kind: Option<SideKind>,
    pub(super) warnings: Vec<String>,
}

/// Says whether the accounts that are meant can be read; fails as [`side_file`] does.
pub(super) fn look(connection: &mut Connection, wish: Users, control: &Control<'_>) -> Result<Planned> {
    let mut warnings = Vec::new();
    let kind = if wish == Users::Excluded {
        None
    } else {
        let seen = connection.query("SELECT 1 FROM mysql.user LIMIT 0", control);
        or_told(seen, wish, &mut warnings)?.map(|_| SideKind::USERS)
    };
    Ok(Planned { kind, warnings })
}

/// None, and a warning, where this user may not read accounts that were not asked for.
fn or_told<T>(read: Result<T>, wish: Users, warnings: &mut Vec<String>) -> Result<Option<T>> {
    match read {
        Err(error) if is_denied(&error) && wish == Users::IfReadable => {
            warnings.push(
                "users and grants are not in this backup, as this user may not read them: grant SELECT ON mysql.*, or leave them out with --exclude-users"
                    .to_owned(),
            );
            Ok(None)
        }
        Err(error) if is_denied(&error) => Err(error
            .with_kind(ErrorKind::Denied)
            .context("during", "reading users and grants")
            .hint("grant the user SELECT ON mysql.*, or leave --users out")),
        read => read.context("during", "reading users and grants").map(Some),
    }
}

fn is_denied(error: &Error) -> bool {
    is(error, &[1044, 1142, 1143, 1227, 1410])
}

fn script(
    connection: &mut Connection,
    kept: &mut Option<Accounts>,
    scope: &Scope<'_>,
    warnings: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<Vec<u8>> {
    let accounts = match kept {
        Some(accounts) => accounts,
        None => kept.insert(Accounts::read(connection, control)?),
    };
    let concerned = concerned(accounts, scope);
    accounts.show(&concerned, connection, control)?;
    let everybody = Everybody::of(accounts, scope, &concerned);
    let mut parts = Parts::default();
    for account in &concerned {
        match accounts.statements(account) {
            None => parts.ignored.push(account.to_string()),
            Some(statements) => parts.add(account, statements, &everybody).context("account", account)?,
        }
    }
    warnings.extend(everybody.warning());
    Ok(parts.finish(connection, scope.schemas))
}

/// The statements, in the order in which they can be run.
#[derive(Default)]
struct Parts {
    /// Accounts that the server itself does not know.
    ignored: Vec<String>,
    makes: Vec<Vec<u8>>,
    roles: Vec<Vec<u8>>,
    grants: Vec<Vec<u8>>,
    defaults: Vec<Vec<u8>>,
}

impl Parts {
    fn add(&mut self, account: &Account, statements: &Statements, everybody: &Everybody<'_>) -> Result<()> {
        for text in &statements.makes {
            let text = everybody.with_whole_tls(account, text);
            match cautious(&text) {
                Some((made, roles)) => {
                    self.makes.push(made);
                    let roles = everybody.kept(script::accounts(&roles.unwrap_or_default()));
                    if !roles.is_empty() {
                        let to = format!("SET DEFAULT ROLE {roles} TO {}", account.quoted());
                        self.defaults.push(to.into_bytes());
                    }
                }
                // What cannot be said in one statement follows in another.
                None if text.starts_with(b"ALTER USER ") => self.makes.push(text),
                None => return Err(not_understood(&text)),
            }
        }
        if account.host.is_none() && account.user != PUBLIC {
            // Whoever makes a role may give it to others: told otherwise, he could not do what follows.
            let role = format!("CREATE ROLE IF NOT EXISTS {}", account.quoted());
            self.roles.push(role.into_bytes());
        }
        statements.grants.iter().try_for_each(|text| self.add_grant(account, everybody, text))
    }

    fn add_grant(&mut self, account: &Account, everybody: &Everybody<'_>, text: &[u8]) -> Result<()> {
        let statement = AccountStatement::read(text).ok_or_else(|| not_understood(text))?;
        if statement.account != *account {
            // MariaDB shows what a role has by others with it.
            return Ok(());
        }
        let scope = everybody.scope;
        match statement.does {
            Does::Grants(On::Databases(place)) if !scope.is_like(&place.name()) => {}
            Does::Grants(On::Object(place)) if !scope.has(&place.name()) => {}
            Does::Grants(On::Roles(roles)) => {
                let roles = everybody.kept(roles);
                if !roles.is_empty() {
                    let with = if text.ends_with(b" WITH ADMIN OPTION") { " WITH ADMIN OPTION" } else { "" };
                    self.grants.push(format!("GRANT {roles} TO {}{with}", account.quoted()).into_bytes());
                }
            }
            Does::SetsDefaultRole(roles) if everybody.kept(roles.clone()).is_empty() => {}
            Does::Grants(_) if text.starts_with(b"REVOKE") => self.grants.push(text.to_vec()),
            Does::Grants(_) => self.grants.push(plain_grant(text).ok_or_else(|| not_understood(text))?),
            _ => self.defaults.push(text.to_vec()),
        }
        Ok(())
    }

    fn finish(self, connection: &Connection, schemas: &[Schema]) -> Vec<u8> {
        let dialect = match connection.version().flavor {
            Flavor::MySql => "mysql",
            Flavor::MariaDb => "mariadb",
        };
        let mut text = format!(
            "-- Cadangkan: users and grants\n-- of {}, {}\n-- After that is restored: {dialect} < this file. Who is there already is left as it is, and gets the grants.\n\nSET NAMES utf8mb4;\nSET sql_mode = '';\n",
            named(schemas),
            connection.version()
        )
        .into_bytes();
        for account in &self.ignored {
            let line = format!(
                "-- Left out, as the server ignores it (skip_name_resolve): {}\n",
                account.escape_debug()
            );
            text.extend_from_slice(line.as_bytes());
        }
        for statement in [self.makes, self.roles, self.grants, self.defaults].iter().flatten() {
            text.extend_from_slice(statement);
            text.extend_from_slice(b";\n");
        }
        text
    }
}

fn not_understood(text: &[u8]) -> Error {
    // It may hold the hash of a password.
    let begin: String = String::from_utf8_lossy(text).chars().take(20).collect();
    Error::new(ErrorKind::Unsupported, "the server wrote a statement about an account that is not understood")
        .context("begins", begin.escape_debug())
        .hint("leave users out with --exclude-users, and report this with the server's version")
}
