use std::collections::{BTreeMap, VecDeque};

use cadangkan_core::Result;
use postgres_protocol::message::backend::Message;

use crate::explain::not_postgres;
use crate::{Notice, ServerError};

const MOST_NOTICES: usize = 1000;
/// Servers report about fifteen.
const MOST_PARAMETERS: usize = 200;
const LONGEST_PARAMETER: usize = 64 << 10;

/// What the server told about itself and the session.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) notices: VecDeque<Notice>,
    pub(crate) process: i32,
    /// Lets us cancel statements of this session.
    pub(crate) key: i32,
    /// As in ReadyForQuery: `I` idle, `T` in a transaction, `E` in one that failed.
    pub(crate) status: u8,
}

impl Session {
    /// Takes what may come at any time; returns whatever else it is.
    pub(crate) fn absorb(&mut self, message: Message) -> Result<Option<Message>> {
        match message {
            Message::NoticeResponse(body) => {
                if self.notices.len() == MOST_NOTICES {
                    self.notices.pop_front();
                }
                self.notices.push_back(ServerError::read(body.fields()).into());
            }
            Message::ParameterStatus(body) => {
                let read = |text: std::io::Result<&str>| text.map(str::to_owned).map_err(not_postgres);
                self.set_parameter(read(body.name())?, read(body.value())?)?;
            }
            Message::NotificationResponse(_) => {}
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    fn set_parameter(&mut self, name: String, value: String) -> Result<()> {
        let is_new = !self.parameters.contains_key(&name);
        if name.len() + value.len() > LONGEST_PARAMETER
            || (is_new && self.parameters.len() == MOST_PARAMETERS)
        {
            return Err(not_postgres("too many parameters"));
        }
        self.parameters.insert(name, value);
        Ok(())
    }
}

/// The version as a number, as libpq has it: 150018 for `15.18`, 180000 for `18beta1`, 90603 for `9.6.3`.
pub(crate) fn version_number(text: &str) -> Option<u32> {
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).take(4).collect();
        digits.parse::<u32>().ok()
    };
    let mut parts = text.split(['.', ' ']);
    let first = number(parts.next()?)?;
    let mut next = || parts.next().and_then(number).unwrap_or(0);
    Some(if first >= 10 { first * 10_000 + next() } else { first * 10_000 + next() * 100 + next() })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Message {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let mut bytes = BytesMut::from([&[tag], length.as_slice(), body].concat().as_slice());
        Message::parse(&mut bytes).unwrap().unwrap()
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut session = Session::default();
        for number in 0..3000 {
            let body = format!("SNOTICE\0C00000\0Mnumber {number}\0\0");
            assert!(session.absorb(message(b'N', body.as_bytes())).unwrap().is_none());
        }
        assert_eq!(session.notices.len(), MOST_NOTICES);
        assert_eq!(session.notices.back().unwrap().message, "number 2999");
        let mut set = |name: String| session.absorb(message(b'S', format!("{name}\0x\0").as_bytes()));
        for number in 0..MOST_PARAMETERS {
            assert!(set(format!("p{number}")).is_ok());
        }
        assert!(set("p0".into()).is_ok() && set("one more".into()).is_err());
        assert!(set("x".repeat(LONGEST_PARAMETER)).is_err());
    }

    #[test]
    fn versions_are_numbers() {
        let cases = [
            ("15.18 (Debian 15.18-0+deb12u1)", Some(150_018)),
            ("18beta1", Some(180_000)),
            ("9.6.3", Some(90_603)),
            ("17devel", Some(170_000)),
            ("", None),
            ("x", None),
            ("99999999999999", Some(99_990_000)),
        ];
        for (text, number) in cases {
            assert_eq!(version_number(text), number, "{text}");
        }
    }
}
