use bytes::BytesMut;
use cadangkan_core::{Control, Error, ErrorKind, Result};
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use crate::channel::Channel;
use crate::explain::{explain, not_postgres};
use crate::{Secret, ServerError, Target, tls};

/// Says who we are, proves it, and waits until the server takes statements (manual, "Start-up").
///
/// `private` says that nobody but the server hears us even without TLS.
pub(crate) fn log_in(
    channel: &mut Channel,
    target: &Target,
    private: bool,
    control: &Control<'_>,
) -> Result<()> {
    let mut login = Login { channel, target, control };
    login.say_hello()?;
    login.authenticate(private)?;
    login.wait_until_ready()
}

struct Login<'a> {
    channel: &'a mut Channel,
    target: &'a Target,
    control: &'a Control<'a>,
}

impl Login<'_> {
    fn say_hello(&mut self) -> Result<()> {
        let encoding = self.target.client_encoding.as_deref().unwrap_or("UTF8");
        let mut parameters = vec![
            ("user", self.target.user()),
            ("database", self.target.database()),
            ("client_encoding", encoding),
            ("application_name", "cadangkan"),
        ];
        if let Some(options) = &self.target.options {
            parameters.push(("options", options));
        }
        self.send(|buffer| frontend::startup_message(parameters, buffer))
    }

    fn authenticate(&mut self, private: bool) -> Result<()> {
        loop {
            match self.receive()? {
                Message::AuthenticationOk => return Ok(()),
                Message::AuthenticationCleartextPassword => {
                    if !private && !self.channel.transport().is_tls() {
                        return Err(Error::new(ErrorKind::Denied, "the server wants the password in the clear")
                            .hint("set sslmode to require or more, or let the server use scram-sha-256 in pg_hba.conf"));
                    }
                    let password = self.password()?;
                    self.send(|buffer| frontend::password_message(password.expose().as_bytes(), buffer))?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let password = self.password()?;
                    let user = self.target.user().as_bytes();
                    let hash = md5_hash(user, password.expose().as_bytes(), body.salt());
                    self.send(|buffer| frontend::password_message(hash.as_bytes(), buffer))?;
                }
                Message::AuthenticationSasl(body) => self.scram(&body)?,
                Message::AuthenticationGss
                | Message::AuthenticationSspi
                | Message::AuthenticationKerberosV5
                | Message::AuthenticationScmCredential => return Err(other_ways("Kerberos, GSSAPI or SSPI")),
                _ => return Err(not_postgres("an answer that does not belong to a login")),
            }
        }
    }

    /// SCRAM-SHA-256 (RFC 5802, RFC 7677), bound to the TLS session where both sides can.
    fn scram(&mut self, offered: &AuthenticationSaslBody) -> Result<()> {
        let names: Vec<String> =
            offered.mechanisms().map(|name| Ok(name.to_owned())).collect().map_err(not_postgres)?;
        let offers = |name: &str| names.iter().any(|offered| offered == name);
        let hash = self.channel.transport().certificate().and_then(tls::end_point);
        let (mechanism, binding) = match hash {
            Some(hash) if offers(sasl::SCRAM_SHA_256_PLUS) => {
                (sasl::SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
            }
            // Tells the server that we could: if it offered it, someone between took the offer away.
            Some(_) if offers(sasl::SCRAM_SHA_256) => (sasl::SCRAM_SHA_256, ChannelBinding::unrequested()),
            None if offers(sasl::SCRAM_SHA_256) => (sasl::SCRAM_SHA_256, ChannelBinding::unsupported()),
            _ => return Err(other_ways("a mechanism other than SCRAM-SHA-256")),
        };
        let mut scram = ScramSha256::new(self.password()?.expose().as_bytes(), binding);
        self.send(|buffer| frontend::sasl_initial_response(mechanism, scram.message(), buffer))?;
        let Message::AuthenticationSaslContinue(body) = self.receive()? else { return Err(out_of_order()) };
        scram.update(body.data()).map_err(unproven)?;
        self.send(|buffer| frontend::sasl_response(scram.message(), buffer))?;
        let Message::AuthenticationSaslFinal(body) = self.receive()? else { return Err(out_of_order()) };
        scram.finish(body.data()).map_err(unproven)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        loop {
            match self.receive()? {
                Message::BackendKeyData(body) => {
                    self.channel.session.process = body.process_id();
                    self.channel.session.key = body.secret_key();
                }
                Message::ReadyForQuery(body) => {
                    self.channel.session.status = body.status();
                    return Ok(());
                }
                _ => return Err(not_postgres("an answer that does not belong to a login")),
            }
        }
    }

    fn password(&self) -> Result<Secret> {
        self.target.password().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "the server asks for a password, and none is given")
                .hint("set PGPASSWORD, or add a line to ~/.pgpass")
        })
    }

    fn receive(&mut self) -> Result<Message> {
        match self.channel.receive(self.control)? {
            Message::ErrorResponse(body) => Err(explain(ServerError::read(body.fields()))),
            message => Ok(message),
        }
    }

    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> Result<()> {
        let mut buffer = BytesMut::new();
        write(&mut buffer).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the login has a text that the protocol cannot carry")
                .source(error)
                .hint("look for zero bytes in user, database, password and options")
        })?;
        self.channel.send(&buffer, &[], self.control)
    }
}

fn other_ways(asked: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the server asks for a way to log in that is not supported: {asked}"),
    )
    .hint("let pg_hba.conf have a line with scram-sha-256 or cert for this role and address")
}

fn out_of_order() -> Error {
    not_postgres("answers of a login out of order")
}

fn unproven(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Denied, "the server could not prove that it knows the password")
        .source(error)
        .hint("check the password; if it is right, this may not be the server that it claims to be")
}
