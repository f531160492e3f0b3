use std::collections::{BTreeMap, BTreeSet};

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, Flavor};

use crate::dump::shows::Shown;
use crate::script::{Account, PUBLIC};
use crate::session::is;

/// What a server knows of accounts, as far as it matters: read once, however many databases there are.
pub(in crate::dump) struct Accounts {
    pub(super) is_mariadb: bool,
    pub(super) all: BTreeSet<Account>,
    /// Who has privileges on databases and on what is in them.
    pub(super) privileges: Vec<Privilege>,
    /// Those that may make accounts.
    pub(super) makers: BTreeSet<Account>,
    /// Who has each role, and whether he may give it to others.
    pub(super) members: BTreeMap<Account, Vec<(Account, bool)>>,
    /// What users' certificates must say: cipher, issuer and subject.
    pub(super) tls: BTreeMap<Account, [String; 3]>,
    /// Users with a second password.
    pub(super) with_second_password: BTreeSet<Account>,
    /// The statements of those that were asked for; none where the server itself does not know the account.
    shown: BTreeMap<Account, Option<Statements>>,
}

/// That an account has a privilege on a database, or on something in it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Privilege {
    pub(super) account: Account,
    pub(super) database: String,
    /// Whether that is a pattern.
    pub(super) is_pattern: bool,
}

/// What the server shows of an account.
#[derive(Default)]
pub(super) struct Statements {
    /// None for a role.
    pub(super) makes: Vec<Vec<u8>>,
    pub(super) grants: Vec<Vec<u8>>,
}

impl Accounts {
    /// Reads everything but statements.
    pub(in crate::dump) fn read(connection: &mut Connection, control: &Control<'_>) -> Result<Accounts> {
        connection.execute("SET SESSION lock_wait_timeout = 60", control)?;
        let is_mariadb = connection.version().flavor == Flavor::MariaDb;
        let mut accounts = Accounts {
            is_mariadb,
            all: BTreeSet::new(),
            privileges: Vec::new(),
            makers: BTreeSet::new(),
            members: BTreeMap::new(),
            tls: BTreeMap::new(),
            with_second_password: BTreeSet::new(),
            shown: BTreeMap::new(),
        };
        let role = if is_mariadb { "is_role" } else { "'N'" };
        let sql = format!(
            "SELECT User, Host, {role}, ssl_cipher, x509_issuer, x509_subject, Create_user_priv FROM mysql.user"
        );
        for row in connection.query(&sql, control)? {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (user, host, is_role) = (next(), next(), next());
            let is_role = is_role == "Y" || (is_mariadb && user == PUBLIC && host.is_empty());
            let account = Account { user, host: (!is_role).then_some(host) };
            accounts.tls.insert(account.clone(), [next(), next(), next()]);
            if next() == "Y" {
                accounts.makers.insert(account.clone());
            }
            accounts.all.insert(account);
        }
        for (table, is_pattern) in
            [("db", true), ("tables_priv", false), ("columns_priv", false), ("procs_priv", false)]
        {
            let sql = format!("SELECT DISTINCT User, Host, Db FROM mysql.{table}");
            for row in connection.query(&sql, control)? {
                let mut row = row.into_iter().map(Option::unwrap_or_default);
                let mut next = || row.next().unwrap_or_default();
                let account = accounts.named(next(), next());
                accounts.privileges.push(Privilege { account, database: next(), is_pattern });
            }
        }
        accounts.members = members(connection, &accounts, control)?;
        if !is_mariadb {
            accounts.with_second_password = second_passwords(connection, control)?;
        }
        Ok(accounts)
    }

    /// Finds an account by its names: MariaDB's roles have an empty host, as users may have too.
    pub(super) fn named(&self, user: String, host: String) -> Account {
        let role = Account { user: user.clone(), host: None };
        if host.is_empty() && self.all.contains(&role) { role } else { Account { user, host: Some(host) } }
    }

    /// Makes sure that the statements of some accounts are there.
    pub(super) fn show(
        &mut self,
        asked: &[Account],
        connection: &mut Connection,
        control: &Control<'_>,
    ) -> Result<()> {
        let new: Vec<_> = asked.iter().filter(|account| !self.shown.contains_key(account)).collect();
        if new.is_empty() {
            return Ok(());
        }
        connection.execute("SET SESSION lock_wait_timeout = 60", control)?;
        // Without it, hashes would be texts with bytes of any kind in them. Older servers have none such.
        match connection.execute("SET SESSION print_identified_with_as_hex = ON", control) {
            Err(error) if !is(&error, &[1193]) => return Err(error),
            _ => {}
        }
        for account in new {
            control.check()?;
            let statements = match Statements::of(account, connection, control) {
                // Names of hosts count for nothing where the server does not resolve them.
                Err(error) if is(&error, &[1133, 1141, 1396]) => None,
                statements => Some(statements.context("account", account)?),
            };
            self.shown.insert(account.clone(), statements);
        }
        Ok(())
    }

    /// The statements of an account that was asked for.
    pub(super) fn statements(&self, account: &Account) -> Option<&Statements> {
        self.shown.get(account)?.as_ref()
    }
}

impl Statements {
    fn of(account: &Account, connection: &mut Connection, control: &Control<'_>) -> Result<Statements> {
        let mut ask = |sql: String| -> Result<Vec<Vec<u8>>> {
            let rows = connection.query_bytes(&sql, control)?;
            rows.into_iter().map(|row| Shown::of(row).bytes()).collect()
        };
        let mut statements = Statements::default();
        if account.host.is_some() {
            statements.makes = ask(format!("SHOW CREATE USER {}", account.quoted()))?;
        }
        statements.grants = ask(format!("SHOW GRANTS FOR {}", account.quoted()))?;
        Ok(statements)
    }
}

/// Who has which role.
fn members(
    connection: &mut Connection,
    accounts: &Accounts,
    control: &Control<'_>,
) -> Result<BTreeMap<Account, Vec<(Account, bool)>>> {
    let sql = if accounts.is_mariadb {
        "SELECT Role, '', User, Host, Admin_option FROM mysql.roles_mapping"
    } else {
        "SELECT FROM_USER, FROM_HOST, TO_USER, TO_HOST, WITH_ADMIN_OPTION FROM mysql.role_edges"
    };
    let rows = match connection.query(sql, control) {
        // Before MySQL 8.0 there are no roles.
        Err(error) if is(&error, &[1146]) => Vec::new(),
        rows => rows?,
    };
    let mut members: BTreeMap<Account, Vec<(Account, bool)>> = BTreeMap::new();
    for row in rows {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let role = accounts.named(next(), next());
        let member = accounts.named(next(), next());
        members.entry(role).or_default().push((member, next() == "Y"));
    }
    Ok(members)
}

fn second_passwords(connection: &mut Connection, control: &Control<'_>) -> Result<BTreeSet<Account>> {
    let sql = "SELECT User, Host FROM mysql.user WHERE JSON_EXTRACT(User_attributes, '$.additional_password') IS NOT NULL";
    let rows = match connection.query(sql, control) {
        Err(error) if is(&error, &[1054]) => return Ok(BTreeSet::new()),
        rows => rows?,
    };
    let account = |row: Vec<Option<String>>| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        Account { user: row.next().unwrap_or_default(), host: row.next() }
    };
    Ok(rows.into_iter().map(account).collect())
}
