//! Which accounts concern a backup.

use std::collections::BTreeSet;

use cadangkan_core::{Control, Result};
use cadangkan_mywire::{Connection, literal};

use super::accounts::{Accounts, Privilege};
use crate::catalog::Schema;
use crate::script::{Account, PUBLIC, in_quotes, like};

/// Accounts that are the server's own.
const OF_SERVER: [&str; 4] = ["mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys"];

/// Of what accounts are looked for.
pub(in crate::dump) struct Scope<'a> {
    pub(in crate::dump) schemas: &'a [Schema],
    /// The definers of their objects.
    pub(in crate::dump) definers: &'a BTreeSet<String>,
    /// Whether they are of a server's databases, which are backed up with the accounts that are of no database.
    pub(in crate::dump) of_many: bool,
}

impl Scope<'_> {
    /// Tells whether privileges on databases of such names are on one of these.
    pub(super) fn is_like(&self, pattern: &str) -> bool {
        self.schemas.iter().any(|schema| {
            let name = &schema.name;
            pattern == name
                || like(pattern, name)
                || (schema.lowers && like(&pattern.to_lowercase(), &name.to_lowercase()))
        })
    }

    /// Tells whether a database is one of these.
    pub(super) fn has(&self, database: &str) -> bool {
        self.schemas.iter().any(|schema| schema.is(database))
    }
}

/// The accounts of a server, as far as one backup is concerned.
pub(super) struct Everybody<'a> {
    pub(super) scope: &'a Scope<'a>,
    accounts: &'a Accounts,
    /// Those that concern the backup, users first.
    pub(super) concerned: &'a [Account],
}

/// Finds the accounts that concern a backup, users first.
pub(super) fn concerned(accounts: &Accounts, scope: &Scope<'_>) -> Vec<Account> {
    let concerns = |privilege: &&Privilege| match privilege.is_pattern {
        true => scope.is_like(&privilege.database),
        false => scope.has(&privilege.database),
    };
    let privileges = accounts.privileges.iter();
    let mut concerned: BTreeSet<_> =
        privileges.clone().filter(concerns).map(|privilege| privilege.account.clone()).collect();
    let of_databases: BTreeSet<_> = privileges.map(|privilege| privilege.account.clone()).collect();
    concerned.extend(scope.definers.iter().map(|definer| {
        let (user, host) = definer.rsplit_once('@').unwrap_or((definer, ""));
        accounts.named(user.to_owned(), host.to_owned())
    }));
    if scope.of_many {
        concerned.extend(accounts.all.difference(&of_databases).cloned());
    }
    close(accounts, &of_databases, &mut concerned);
    let is_meant =
        |account: &Account| accounts.all.contains(account) && !OF_SERVER.contains(&account.user.as_str());
    let mut concerned: Vec<_> = concerned.into_iter().filter(is_meant).collect();
    concerned.sort_by_key(|account| account.host.is_none());
    concerned
}

/// Adds who has a role that is concerned, and the roles that these have, unless they are of other databases. In
/// MariaDB whoever makes a role has it, which says nothing of what it is for.
fn close(accounts: &Accounts, of_databases: &BTreeSet<Account>, concerned: &mut BTreeSet<Account>) {
    let made_it =
        |member: &Account, may: bool| accounts.is_mariadb && may && accounts.makers.contains(member);
    loop {
        let before = concerned.len();
        for (role, members) in &accounts.members {
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
        for (role, members) in &accounts.members {
            let is_had = members.iter().any(|(member, _)| concerned.contains(member));
            if is_had && !of_databases.contains(role) {
                concerned.insert(role.clone());
            }
        }
        if concerned.len() == before {
            break;
        }
    }
}

impl<'a> Everybody<'a> {
    /// Those who are `concerned`.
    pub(super) fn of(
        accounts: &'a Accounts,
        scope: &'a Scope<'a>,
        concerned: &'a [Account],
    ) -> Everybody<'a> {
        Everybody { scope, accounts, concerned }
    }

    /// Those of some roles that come along, for a statement.
    pub(super) fn kept(&self, roles: Vec<Account>) -> String {
        let kept = roles.iter().filter(|role| self.concerned.contains(role)).map(Account::quoted);
        kept.collect::<Vec<_>>().join(", ")
    }

    /// Quotes what certificates must say, which MySQL writes as it stands.
    pub(super) fn with_whole_tls(&self, account: &Account, text: &[u8]) -> Vec<u8> {
        let Some(parts) = self.accounts.tls.get(account) else { return text.to_vec() };
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
        let second =
            self.concerned.iter().filter(|account| self.accounts.with_second_password.contains(account));
        let second: Vec<_> = second.map(ToString::to_string).collect();
        (!second.is_empty()).then(|| {
            format!(
                "the second passwords of users are not kept, as the server does not show them: {}",
                second.join(", ")
            )
        })
    }
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
