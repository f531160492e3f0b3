use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::settings::{self, Field, FieldKind, mistake};
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_http::tls::is_this_machine;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;

use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::line::CA_FILE;
use crate::message::Purpose;
use crate::smtp::{Mail, Security, Server};
use crate::text::cut;
use crate::words::{Speech, Words, as_it_is};
use crate::{Channel, EventKind, Message, Opened, Undelivered};

const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
    Field { name, kind, required, default: None, help }
}

/// E-mail by SMTP.
pub(super) static EMAIL: ChannelDescriptor = ChannelDescriptor {
    id: "email",
    display_name: "E-mail",
    fields: &[
        field("host", FieldKind::Text, true, "the mail server"),
        Field {
            default: Some("587, or 465 with tls"),
            ..field("port", FieldKind::Integer, false, "its port")
        },
        field("from", FieldKind::Text, true, "the sender: a@b.example, or Name <a@b.example>"),
        field("to", FieldKind::Text, true, "the recipients: a list, or one text with commas"),
        field("user", FieldKind::Text, false, "the user to log in as"),
        field("password", FieldKind::Secret, false, "the user's password"),
        Field {
            default: Some("starttls"),
            ..field("tls", FieldKind::Text, false, "starttls, tls (from the first byte), or none")
        },
        CA_FILE,
    ],
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    port: Option<u16>,
    from: String,
    to: Recipients,
    user: Option<String>,
    password: Option<String>,
    #[serde(default)]
    tls: Security,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a list of addresses, or one text")]
enum Recipients {
    Text(String),
    List(Vec<String>),
}

struct Email {
    server: Server,
    /// The sender as a header has it, and the address alone.
    from: (String, String),
    to: Vec<String>,
    speech: Speech,
}

fn open(settings: &Value, template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    let security = written.tls;
    let port = match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::Nothing => 25,
    };
    let login = match (written.user, written.password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => return Err(mistake("user", "`user` and `password` belong together")),
    };
    if login.as_ref().is_some_and(|(user, password)| user.contains('\0') || password.contains('\0')) {
        return Err(mistake("password", "there is a zero byte in it"));
    }
    if security == Security::Nothing && login.is_some() && !is_this_machine(&written.host) {
        return Err(mistake("tls", "a password is not sent without TLS"));
    }
    let to = match written.to {
        Recipients::Text(text) => text.split(',').map(str::to_owned).collect(),
        Recipients::List(list) => list,
    };
    let to: Option<Vec<String>> = to.iter().map(|text| address(text.trim())).collect();
    let to = to
        .filter(|to| !to.is_empty())
        .ok_or_else(|| mistake("to", "addresses such as a@b.example are needed"))?;
    let wrong = || mistake("from", "an address such as a@b.example or Name <a@b.example> is needed");
    let server = Server {
        port: written.port.unwrap_or(port),
        security,
        authorities: written.ca_file,
        login,
        host: written.host,
    };
    let words = Words { escape: as_it_is, bold: ("", ""), most: 64 << 10 };
    Ok(Box::new(Email {
        server,
        from: sender(&written.from).ok_or_else(wrong)?,
        to,
        speech: Speech::new(words, template)?,
    }))
}

/// An address, with nothing in it that means something to a header or a command.
fn address(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte);
    let (local, domain) = text.split_once('@')?;
    let usable = !local.is_empty() && !domain.is_empty() && !domain.contains('@') && text.len() <= 254;
    (usable && text.bytes().all(plain)).then(|| text.to_owned())
}

fn sender(text: &str) -> Option<(String, String)> {
    let Some((name, rest)) = text.split_once('<') else {
        return address(text.trim()).map(|address| (address.clone(), address));
    };
    let address = address(rest.trim().strip_suffix('>')?)?;
    let name = name.trim().trim_matches('"');
    Some(if name.is_empty() {
        (address.clone(), address)
    } else {
        (format!("{} <{address}>", encoded(name)), address)
    })
}

/// A text as a header has it: as it is where that is harmless, else in encoded words (RFC 2047) of whole characters.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_:/!".contains(&byte);
    if text.len() <= 60 && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars() {
        if words.last().is_some_and(|word| word.len() + character.len_utf8() > 42) {
            words.push(String::new());
        }
        words.iter_mut().last().into_iter().for_each(|word| word.push(character));
    }
    let words: Vec<_> = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word))).collect();
    words.join("\r\n ")
}

impl Email {
    fn content(&self, message: &Message) -> Result<Vec<u8>> {
        let date = jiff::fmt::rfc2822::to_string(&message.at.to_zoned(TimeZone::UTC));
        let date = date.map_err(|error| Error::new(ErrorKind::Internal, "no date").source(error))?;
        let text = self.speech.say_below_title(message);
        let body = BASE64.encode(text.replace('\n', "\r\n") + "\r\n");
        // The same message has the same name, so that one that came twice is shown once.
        let what = serde_json::to_vec(&message.events).unwrap_or_default();
        let id = digest(&SHA256, &what);
        let id: String = id.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let id = if message.purpose == Purpose::Test {
            format!("{id}.{}", message.at.as_microsecond())
        } else {
            id
        };
        let domain = self.from.1.split_once('@').map_or("localhost", |(_, domain)| domain);
        let mut content = format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{id}@{domain}>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            self.from.0,
            self.to.join(",\r\n "),
            encoded(&cut(&message.title(), 200)),
        );
        // Base64 is ASCII.
        for line in body.as_bytes().chunks(76) {
            content.push_str(&String::from_utf8_lossy(line));
            content.push_str("\r\n");
        }
        Ok(content.into_bytes())
    }
}

impl Channel for Email {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        let content = self.content(message)?;
        let all_or_nobody = message.purpose == Purpose::Test;
        let mail = Mail { from: &self.from.1, to: &self.to, content: &content, all_or_nobody };
        Ok(self.server.hand_in(&mail, &message.host, limit)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_become_a_header_or_a_command() {
        for bad in
            ["", "a", "a@", "@b", "a@b\r\nBcc: c@d", "a b@c", "<a@b>", "a@b>", "a@b@c", "ä@b", "a@b,c@d"]
        {
            assert_eq!(address(bad), None, "{bad:?}");
        }
        assert_eq!(address("ops+db@mail.example"), Some("ops+db@mail.example".to_owned()));
        assert_eq!(sender("Backups <a@b>"), Some(("Backups <a@b>".to_owned(), "a@b".to_owned())));
        assert!(sender("x\r\nBcc: c@d <a@b>").is_some_and(|(header, _)| !header.contains("\r\nBcc")));
    }

    #[test]
    fn a_subject_is_one_line_of_encoded_words() {
        assert_eq!(encoded("Backup failed"), "Backup failed");
        let long = encoded(&"日本語のデータベース ".repeat(8));
        for line in long.split("\r\n ") {
            assert!(line.len() <= 76 && line.starts_with("=?utf-8?B?") && line.ends_with("?="), "{line}");
        }
        assert!(!encoded("x\r\nBcc: a@b").contains("Bcc"));
    }
}
