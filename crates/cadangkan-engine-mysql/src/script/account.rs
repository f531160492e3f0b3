//! Statements that make accounts and say what they may do.

use std::fmt;

use cadangkan_mywire::identifier;

use super::{Token, Tokens};

/// A user at a host, or a role, which in MariaDB has no host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) host: Option<String>,
}

impl Account {
    /// Reads an account where one is expected.
    pub(crate) fn read(tokens: &mut Tokens<'_>) -> Option<Account> {
        let user = unquoted(&tokens.next()?)?;
        let mut ahead = tokens.clone();
        if !ahead.accept("@") {
            return Some(Account { user, host: None });
        }
        let host = unquoted(&ahead.next()?)?;
        *tokens = ahead;
        Some(Account { user, host: Some(host) })
    }

    /// For statements.
    pub(crate) fn quoted(&self) -> String {
        match &self.host {
            Some(host) => format!("{}@{}", identifier(&self.user), identifier(host)),
            None if self.user == PUBLIC => PUBLIC.to_owned(),
            None => identifier(&self.user),
        }
    }
}

/// Everybody, in MariaDB: a role that need not be made.
pub(crate) const PUBLIC: &str = "PUBLIC";

/// As `user@host`, for people.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_ref().map(|host| format!("@{host}")).unwrap_or_default();
        write!(f, "{}{host}", self.user)
    }
}

/// What a token says, whichever quotes it has; none for a mark.
fn unquoted(token: &Token<'_>) -> Option<String> {
    (token.is_name() || token.is_quoted()).then(|| token.name())
}

/// A statement about accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountStatement<'a> {
    pub(crate) does: Does<'a>,
    /// Whom it is about.
    pub(crate) account: Account,
    /// Where that stands in the text.
    place: (usize, usize),
}

/// What such a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Does<'a> {
    /// Makes a user.
    MakesUser,
    /// Makes a role.
    MakesRole,
    /// Changes one.
    Alters,
    /// Gives or takes privileges.
    Grants(On<'a>),
    /// Says which roles are active from the start.
    SetsDefaultRole(Vec<Account>),
}

/// What privileges are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On<'a> {
    /// Everything.
    Server,
    /// The databases whose names are like a pattern.
    Databases(Token<'a>),
    /// A table or routine of a database.
    Object(Token<'a>),
    /// Another account, whose place may be taken.
    Proxy,
    /// Roles that are given.
    Roles(Vec<Account>),
}

impl<'a> AccountStatement<'a> {
    /// Reads a statement; `None` for anything else.
    pub(crate) fn read(text: &'a [u8]) -> Option<AccountStatement<'a>> {
        let mut tokens = Tokens::new(text);
        let verb = tokens.next()?;
        let does = if verb.is("CREATE") || verb.is("ALTER") {
            let user = tokens.accept("USER");
            if !user && !tokens.accept("ROLE") {
                return None;
            }
            if tokens.accept("IF") {
                tokens.accept("NOT");
                tokens.accept("EXISTS");
            }
            match (verb.is("ALTER"), user) {
                (true, _) => Does::Alters,
                (false, true) => Does::MakesUser,
                (false, false) => Does::MakesRole,
            }
        } else if verb.is("GRANT") || verb.is("REVOKE") {
            let end = if verb.is("GRANT") { "TO" } else { "FROM" };
            Does::Grants(read_on(&mut tokens, end)?)
        } else if verb.is("SET") && tokens.accept("DEFAULT") && tokens.accept("ROLE") {
            let roles = list(&mut tokens)?;
            if !tokens.accept("FOR") && !tokens.accept("TO") {
                return None;
            }
            Does::SetsDefaultRole(roles)
        } else {
            return None;
        };
        let begin = tokens.clone().next()?.begin;
        let account = Account::read(&mut tokens)?;
        Some(AccountStatement { does, account, place: (begin, tokens.at()) })
    }
}

impl AccountStatement<'_> {
    /// Where the account's name ends.
    pub(crate) fn end(&self) -> usize {
        self.place.1
    }
}

/// Reads accounts with commas between them.
fn list(tokens: &mut Tokens<'_>) -> Option<Vec<Account>> {
    let mut accounts = vec![Account::read(tokens)?];
    while tokens.accept(",") {
        accounts.push(Account::read(tokens)?);
    }
    Some(accounts)
}

/// Reads accounts with commas between them, as they stand in a statement.
pub(crate) fn accounts(text: &[u8]) -> Vec<Account> {
    list(&mut Tokens::new(text)).unwrap_or_default()
}

/// Reads up to and with the word that stands before the account.
fn read_on<'a>(tokens: &mut Tokens<'a>, end: &str) -> Option<On<'a>> {
    let mut ahead = tokens.clone();
    if let Some(roles) = list(&mut ahead)
        && ahead.accept(end)
    {
        *tokens = ahead;
        return Some(On::Roles(roles));
    }
    let (mut depth, mut words) = (0_usize, 0_usize);
    let mut proxy = false;
    loop {
        let token = tokens.next()?;
        if token.is_char(b'(') {
            depth += 1;
        } else if token.is_char(b')') {
            depth = depth.checked_sub(1)?;
        } else if depth == 0 && token.is("ON") {
            break;
        }
        proxy |= words == 0 && token.is("PROXY");
        words += 1;
    }
    if proxy {
        Account::read(tokens)?;
        return tokens.accept(end).then_some(On::Proxy);
    }
    let mut place = tokens.next()?;
    let kind = ["TABLE", "FUNCTION", "PROCEDURE", "PACKAGE", "LIBRARY"].iter().any(|word| place.is(word));
    if kind && !tokens.clone().next()?.is_char(b'.') {
        tokens.accept("BODY");
        place = tokens.next()?;
    }
    if !tokens.accept(".") {
        return None;
    }
    let object = tokens.next()?;
    let on = match (place.is_char(b'*'), object.is_char(b'*')) {
        (true, _) => On::Server,
        (false, true) => On::Databases(place),
        (false, false) => On::Object(place),
    };
    tokens.accept(end).then_some(on)
}

/// Makes a `CREATE USER` or `CREATE ROLE` leave one alone that is there, and takes out of it which roles are active
/// from the start, since those may not be there yet. Returns the statement, and the roles.
pub(crate) fn cautious(text: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let statement = AccountStatement::read(text)?;
    let verb = match statement.does {
        Does::MakesUser => "CREATE USER IF NOT EXISTS ",
        Does::MakesRole => "CREATE ROLE IF NOT EXISTS ",
        _ => return None,
    };
    let mut made = verb.as_bytes().to_vec();
    made.extend_from_slice(statement.account.quoted().as_bytes());
    let rest = text.get(statement.place.1..)?;
    let tokens: Vec<_> = Tokens::new(rest).collect();
    let begins = |at: usize| {
        tokens.get(at).is_some_and(|token| token.is("DEFAULT"))
            && tokens.get(at + 1).is_some_and(|token| token.is("ROLE"))
    };
    let Some(at) = (0..tokens.len()).find(|at| begins(*at)) else {
        made.extend_from_slice(rest);
        return Some((made, None));
    };
    let words = ["REQUIRE", "WITH", "PASSWORD", "ACCOUNT", "COMMENT", "ATTRIBUTE", "FAILED_LOGIN_ATTEMPTS"];
    let mut behind = tokens.iter().skip(at + 2);
    let end =
        behind.find(|token| words.iter().any(|word| token.is(word))).map_or(rest.len(), |end| end.begin);
    let (from, to) = (tokens.get(at)?.begin, tokens.get(at + 2)?.begin);
    made.extend_from_slice(rest.get(..from)?);
    made.extend_from_slice(rest.get(end..)?);
    Some((made.trim_ascii_end().to_vec(), Some(rest.get(to..end)?.trim_ascii_end().to_vec())))
}

/// Takes out of a `GRANT` what is of the account itself: MariaDB writes passwords, TLS and limits into it.
pub(crate) fn plain_grant(text: &[u8]) -> Option<Vec<u8>> {
    let statement = AccountStatement::read(text)?;
    let (begin, end) = statement.place;
    let mut grant = text.get(..begin)?.to_vec();
    grant.extend_from_slice(statement.account.quoted().as_bytes());
    let rest: Vec<_> = Tokens::new(text.get(end..)?).collect();
    for option in ["GRANT", "ADMIN"] {
        let given = |pair: &[Token<'_>]| matches!(pair, [one, two] if one.is(option) && two.is("OPTION"));
        if rest.windows(2).any(given) {
            grant.extend_from_slice(format!(" WITH {option} OPTION").as_bytes());
        }
    }
    Some(grant)
}

/// What a statement becomes in a database of another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The same: it is of no database.
    Same,
    /// This statement.
    To(Vec<u8>),
    /// Nothing: it is of another database.
    Elsewhere,
}

/// Makes privileges on a database those on another. A pattern that has the old name becomes the new name alone, so
/// that nothing else is given on a server where other names are like the pattern.
pub(crate) fn moved(text: &[u8], old: &str, new: &str) -> Option<Moved> {
    let (place, name) = match AccountStatement::read(text)?.does {
        Does::Grants(On::Databases(place)) if is_of(&place, old) => (place, as_pattern(new)),
        Does::Grants(On::Object(place)) if place.name() == old => (place, new.to_owned()),
        Does::Grants(On::Databases(_) | On::Object(_)) => return Some(Moved::Elsewhere),
        _ => return Some(Moved::Same),
    };
    let mut out = text.get(..place.begin)?.to_vec();
    out.extend_from_slice(identifier(&name).as_bytes());
    out.extend_from_slice(text.get(place.end..)?);
    Some(Moved::To(out))
}

/// Tells whether privileges are of a database, by its name or a pattern.
fn is_of(place: &Token<'_>, database: &str) -> bool {
    like(&place.name(), database)
}

/// A name as the pattern that only it is like.
fn as_pattern(name: &str) -> String {
    name.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%")
}

/// Matches as LIKE does: `%` any run, `_` one character, a backslash before either is itself.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<Part>, Vec<char>) = (parts(pattern), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last run, and what it has taken so far: no other need be tried again.
    let mut run: Option<(usize, usize)> = None;
    while let Some(next) = text.get(read) {
        match pattern.get(at) {
            Some(Part::Run) => {
                run = Some((at + 1, read));
                at += 1;
                continue;
            }
            Some(Part::Any) => {}
            Some(Part::Char(wanted)) if wanted == next => {}
            _ => {
                let Some((behind, taken)) = run.as_mut() else { return false };
                *taken += 1;
                (at, read) = (*behind, *taken);
                continue;
            }
        }
        (at, read) = (at + 1, read + 1);
    }
    pattern.iter().skip(at).all(|part| *part == Part::Run)
}

/// A part of a pattern.
#[derive(PartialEq)]
enum Part {
    Run,
    Any,
    Char(char),
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut left = pattern.chars().peekable();
    let mut parts = Vec::new();
    while let Some(next) = left.next() {
        parts.push(match next {
            '%' => Part::Run,
            '_' => Part::Any,
            '\\' => Part::Char(left.next_if(|escaped| matches!(escaped, '%' | '_' | '\\')).unwrap_or('\\')),
            other => Part::Char(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests;
