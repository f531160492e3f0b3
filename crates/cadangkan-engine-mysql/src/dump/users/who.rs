//! Which accounts concern a backup.

use std::collections::{BTreeMap, BTreeSet};

use cadangkan_core::{Control, Result};
use cadangkan_mywire::{Connection, Flavor, literal};

use crate::catalog::Schema;
use crate::script::{Account, PUBLIC, in_quotes, like};
use crate::session::is;

/// Accounts that are the server's own.
const OF_SERVER: [&str; 4] = ["mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys"];

/// Of what accounts are looked for.
pub(in crate::dump) struct Scope<'a> {
    pub(in crate::dump) schema: &'a Schema,
    /// The definers of its objects.
    pub(in crate::dump) definers: &'a BTreeSet<String>,
    /// Whether it is one of a server's databases, which are backed up with the accounts that are of no database.
    pub(in crate::dump) of_many: bool,
}

impl Scope<'_> {
    /// Tells whether privileges on databases of such names are on this one.
    pub(super) fn is_like(&self, pattern: &str) -> bool {
        let name = &self.schema.name;
        pattern == name
            || like(pattern, name)
            || (self.schema.lowers && like(&pattern.to_lowercase(), &name.to_lowercase()))
    }
}

/// The accounts of a server, as far as they matter.
pub(super) struct Everybody<'a> {
    pub(super) scope: &'a Scope<'a>,
    /// Those that concern the backup, users first.
    pub(super) concerned: Vec<Account>,
    /// Those with privileges on any database.
    of_databases: BTreeSet<Account>,
    /// Those that may make accounts.
    makers: BTreeSet<Account>,
    /// Who has each role, and whether he may give it to others.
    members: BTreeMap<Account, Vec<(Account, bool)>>,
    /// What users' certificates must say: cipher, issuer and subject.
    tls: BTreeMap<Account, [String; 3]>,
    /// Users with a second password.
    with_second_password: BTreeSet<Account>,
}

impl<'a> Everybody<'a> {
    /// Reads what the server knows of accounts.
    pub(super) fn read(
        connection: &mut Connection,
        scope: &'a Scope<'a>,
        control: &Control<'_>,
    ) -> Result<Everybody<'a>> {
        let is_mariadb = connection.version().flavor == Flavor::MariaDb;
        let mut everybody = Everybody {
            scope,
            concerned: Vec::new(),
            of_databases: BTreeSet::new(),
            makers: BTreeSet::new(),
            members: BTreeMap::new(),
            tls: BTreeMap::new(),
            with_second_password: BTreeSet::new(),
        };
        let mut all = BTreeSet::new();
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
            everybody.tls.insert(account.clone(), [next(), next(), next()]);
            if next() == "Y" {
                everybody.makers.insert(account.clone());
            }
            all.insert(account);
        }
        let mut concerned = BTreeSet::new();
        for (table, is_pattern) in
            [("db", true), ("tables_priv", false), ("columns_priv", false), ("procs_priv", false)]
        {
            let sql = format!("SELECT DISTINCT User, Host, Db FROM mysql.{table}");
            for row in connection.query(&sql, control)? {
                let mut row = row.into_iter().map(Option::unwrap_or_default);
                let (user, host) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
                let place = row.next().unwrap_or_default();
                let account = known(&all, user, host);
                let concerns = if is_pattern { scope.is_like(&place) } else { scope.schema.is(&place) };
                if concerns {
                    concerned.insert(account.clone());
                }
                everybody.of_databases.insert(account);
            }
        }
        concerned.extend(scope.definers.iter().map(|definer| {
            let (user, host) = definer.rsplit_once('@').unwrap_or((definer, ""));
            known(&all, user.to_owned(), host.to_owned())
        }));
        if scope.of_many {
            concerned.extend(all.difference(&everybody.of_databases).cloned());
        }
        everybody.members = members(connection, &all, is_mariadb, control)?;
        everybody.close(&mut concerned, is_mariadb);
        concerned.retain(|account| all.contains(account) && !OF_SERVER.contains(&account.user.as_str()));
        everybody.concerned = concerned.into_iter().collect();
        everybody.concerned.sort_by_key(|account| account.host.is_none());
        if !is_mariadb {
            everybody.with_second_password = second_passwords(connection, control)?;
        }
        Ok(everybody)
    }

    /// Adds who has a role that is concerned, and the roles that these have, unless they are of other databases. In
    /// MariaDB whoever makes a role has it, which says nothing of what it is for.
    fn close(&self, concerned: &mut BTreeSet<Account>, is_mariadb: bool) {
        let made_it = |member: &Account, may: bool| is_mariadb && may && self.makers.contains(member);
        loop {
            let before = concerned.len();
            for (role, members) in &self.members {
                if concerned.contains(role) && role.user != PUBLIC {
                    let members = members.iter().filter(|(member, may)| !made_it(member, *may));
                    concerned.extend(members.map(|(member, _)| member.clone()));
                }
            }
            if concerned.len() == before {
                break;
            }
        }
        loop {
            let before = concerned.len();
            for (role, members) in &self.members {
                let is_had = members.iter().any(|(member, _)| concerned.contains(member));
                if is_had && !self.of_databases.contains(role) {
                    concerned.insert(role.clone());
                }
            }
            if concerned.len() == before {
                break;
            }
        }
    }

    /// Those of some roles that come along, for a statement.
    pub(super) fn kept(&self, roles: Vec<Account>) -> String {
        let kept = roles.iter().filter(|role| self.concerned.contains(role)).map(Account::quoted);
        kept.collect::<Vec<_>>().join(", ")
    }

    /// Quotes what certificates must say, which MySQL writes as it stands.
    pub(super) fn with_whole_tls(&self, account: &Account, text: &[u8]) -> Vec<u8> {
        let Some(parts) = self.tls.get(account) else { return text.to_vec() };
        let Ok(mut text) = String::from_utf8(text.to_vec()) else { return text.to_vec() };
        for (word, part) in ["CIPHER", "ISSUER", "SUBJECT"].iter().zip(parts) {
            if part.contains(['\'', '\\']) {
                text = text.replacen(&format!("{word} '{part}'"), &format!("{word} {}", in_quotes(part)), 1);
            }
        }
        text.into_bytes()
    }

    /// What a person should know of these accounts.
    pub(super) fn warning(&self) -> Option<String> {
        let second = self.concerned.iter().filter(|account| self.with_second_password.contains(account));
        let second: Vec<_> = second.map(ToString::to_string).collect();
        (!second.is_empty()).then(|| {
            format!(
                "the second passwords of users are not kept, as the server does not show them: {}",
                second.join(", ")
            )
        })
    }
}

/// Finds an account by its names: MariaDB's roles have an empty host, as users may have too.
fn known(all: &BTreeSet<Account>, user: String, host: String) -> Account {
    let role = Account { user: user.clone(), host: None };
    if host.is_empty() && all.contains(&role) { role } else { Account { user, host: Some(host) } }
}

/// The accounts with whose rights objects of the database run, as `user@host`. It looks at the objects, and so is asked
/// where they are held.
pub(in crate::dump) fn definers(
    connection: &mut Connection,
    schema: &Schema,
    control: &Control<'_>,
) -> Result<BTreeSet<String>> {
    let places = [
        ("VIEWS", "TABLE_SCHEMA"),
        // MariaDB looks through all databases for the other column.
        ("TRIGGERS", "EVENT_OBJECT_SCHEMA"),
        ("ROUTINES", "ROUTINE_SCHEMA"),
        ("EVENTS", "EVENT_SCHEMA"),
    ];
    let mut found = BTreeSet::new();
    for (table, column) in places {
        let sql = format!(
            "SELECT DISTINCT DEFINER FROM information_schema.{table} WHERE {column} = {}",
            literal(&schema.name)
        );
        found.extend(connection.query(&sql, control)?.into_iter().flatten().flatten());
    }
    Ok(found)
}

/// Who has which role.
fn members(
    connection: &mut Connection,
    all: &BTreeSet<Account>,
    is_mariadb: bool,
    control: &Control<'_>,
) -> Result<BTreeMap<Account, Vec<(Account, bool)>>> {
    let sql = if is_mariadb {
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
        let role = known(all, next(), next());
        let member = known(all, next(), next());
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
