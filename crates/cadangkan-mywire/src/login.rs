use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::auth::{Parsec, Permission, Plugin, Privacy, unknown};
use crate::bytes::Reader;
use crate::channel::Channel;
use crate::explain::{explain, not_mysql};
use crate::handshake::{Greeting, Response};
use crate::{ServerError, Target};

/// More questions than this, and the server asks for ever.
const MOST_QUESTIONS: usize = 16;

/// Logs in to a server that has greeted (manual of the protocol, "Connection Phase").
pub(crate) fn log_in(
    channel: &mut Channel,
    target: &Target,
    greeting: &Greeting,
    capabilities: u32,
    privacy: Privacy,
    control: &Control<'_>,
) -> Result<()> {
    let may = Permission { privacy, clear_plugin: target.clear_plugin };
    let password = target.password.as_ref().map_or("", |password| password.expose());
    // A server of which we do not know the plugin, or that wants what may not be said, may want another one for this
    // user: it asks again then.
    let preferred = Plugin::named(&greeting.plugin);
    let first =
        preferred.and_then(|plugin| Some((plugin, plugin.answer(password, &greeting.challenge, may).ok()?)));
    let (plugin, answer) = first.unwrap_or((Plugin::Native, Vec::new()));
    let response = Response {
        capabilities,
        user: target.user(),
        database: target.database(),
        plugin: plugin.name(),
        answer: &answer,
    };
    channel.send(&[], &response.write(), control)?;
    let mut login = Login { plugin, password, may, parsec: None };
    if plugin == Plugin::Parsec {
        login.parsec = Some(Parsec::new(&greeting.challenge)?);
    }
    for _ in 0..MOST_QUESTIONS {
        let answer = match login.hear(channel.receive(control)?)? {
            Said::Welcome => return Ok(()),
            Said::Nothing => continue,
            Said::Question(answer) => answer,
        };
        channel.send(&[], &answer, control)?;
    }
    Err(not_mysql("a login without an end"))
}

struct Login<'a> {
    plugin: Plugin,
    password: &'a str,
    may: Permission,
    parsec: Option<Parsec>,
}

enum Said {
    /// We are in.
    Welcome,
    /// Something that needs no answer.
    Nothing,
    /// Something that this is the answer to.
    Question(Vec<u8>),
}

impl Login<'_> {
    fn hear(&mut self, packet: &[u8]) -> Result<Said> {
        match packet.split_first() {
            Some((0, _)) => Ok(Said::Welcome),
            Some((0xff, rest)) => Err(refused(rest, self.password.is_empty())),
            // The way of servers before 4.1, which newer ones have only by a switch.
            Some((0xfe, [])) => Err(unknown("mysql_old_password")),
            Some((0xfe, rest)) => self.switch(rest).map(Said::Question),
            Some((1, rest)) => self.more(rest),
            // MariaDB's parsec sends its salt without the mark of it.
            Some((b'P', _)) if self.plugin == Plugin::Parsec => self.more(packet),
            _ => Err(not_mysql("an unknown answer to the login")),
        }
    }

    /// The server wants the login by another plugin.
    fn switch(&mut self, rest: &[u8]) -> Result<Vec<u8>> {
        let mut reader = Reader::new(rest);
        let name = String::from_utf8_lossy(reader.until_zero()).into_owned();
        let challenge = reader.rest;
        self.plugin = Plugin::named(&name).ok_or_else(|| unknown(&name))?;
        self.parsec = match self.plugin {
            Plugin::Parsec => Some(Parsec::new(challenge)?),
            _ => None,
        };
        self.plugin.answer(self.password, challenge, self.may)
    }

    /// The server goes on with the plugin.
    fn more(&mut self, data: &[u8]) -> Result<Said> {
        match (self.plugin, data) {
            // The hash was at hand and right.
            (Plugin::CachingSha2, [3]) => Ok(Said::Nothing),
            (Plugin::CachingSha2, [4]) => Plugin::full_answer(self.password, self.may).map(Said::Question),
            (Plugin::Parsec, salt) => match self.parsec.take() {
                Some(parsec) => parsec.answer(self.password, salt).map(Said::Question),
                None => Err(not_mysql("a login out of order")),
            },
            _ => Err(not_mysql("a login out of order")),
        }
    }
}

fn refused(rest: &[u8], without_password: bool) -> Error {
    match ServerError::read(rest) {
        Some(error) if error.code == 1045 && without_password => Error::new(
            ErrorKind::Denied,
            "the server wants a password, or does not know the user; none is given",
        )
        .source(error)
        .hint("give a password: in the URL, in the configuration, in an option file, or as MYSQL_PWD"),
        Some(error) => explain(error),
        None => not_mysql("an error that is cut off"),
    }
}
