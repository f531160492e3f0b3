//! Tokens that services give for credentials (RFC 6749).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::http::Request;
use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::agent;

/// A token is fetched anew when it would end within this time.
const EARLY: Duration = Duration::from_secs(300);

/// A word that lets in whoever bears it, for a while.
pub struct Token {
    /// The word.
    pub secret: String,
    /// For how long it is good.
    pub lasts: Duration,
}

/// A token that is fetched when it is needed, and kept until shortly before it ends.
pub struct Bearer {
    fetch: Box<dyn Fn() -> Result<Token> + Send + Sync>,
    last: Mutex<Option<(Instant, String)>>,
}

impl Bearer {
    /// Says how it is fetched.
    pub fn new(fetch: impl Fn() -> Result<Token> + Send + Sync + 'static) -> Self {
        Bearer { fetch: Box::new(fetch), last: Mutex::default() }
    }

    /// Returns it.
    pub fn get(&self) -> Result<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, secret)) = last.as_ref()
            && Instant::now() < *until
        {
            return Ok(secret.clone());
        }
        let token = (self.fetch)()?;
        let until = Instant::now().checked_add(token.lasts.saturating_sub(EARLY));
        *last = until.map(|until| (until, token.secret.clone()));
        Ok(token.secret)
    }

    /// Forgets it, since it was refused.
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Asks a service that gives tokens, and reads its answer; `what` names it in messages, which never hold the request.
pub fn ask(what: &str, request: Request<String>, wait: Duration) -> Result<Value> {
    let tls = request.uri().scheme_str() == Some("https");
    let agent = agent(request.uri().host().unwrap_or_default(), wait, tls, None)?;
    let (parts, body) = request.into_parts();
    let answered = match parts.method {
        ::http::Method::GET => agent.run(Request::from_parts(parts, ())),
        _ => agent.run(Request::from_parts(parts, body)),
    };
    let silent = |error: ureq::Error| {
        Error::new(ErrorKind::Unreachable, format!("{what} does not answer"))
            .hint("check the network and the machine's DNS")
            .source(error)
            .retryable()
    };
    let (parts, mut body) = answered.map_err(silent)?.into_parts();
    let text = body.read_to_string().map_err(silent)?;
    if parts.status.is_success() {
        return serde_json::from_str(&text).map_err(|_| {
            Error::new(ErrorKind::Io, format!("the answer of {what} cannot be understood"))
                .hint("something in between answers in its place")
        });
    }
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let words = ["error", "error_description"].into_iter().filter_map(|name| said.get(name)?.as_str());
    let words: Vec<_> = words.collect();
    let words: String = words.join(": ").chars().filter(|letter| !letter.is_control()).take(300).collect();
    let error = Error::new(ErrorKind::Denied, format!("{what} gives no token"))
        .at_login()
        .source(std::io::Error::other(format!("it says {} {words}", parts.status.as_u16())))
        .hint("correct the credentials; look whether the account was disabled, or its key removed");
    Err(if parts.status.is_server_error() || parts.status.as_u16() == 429 {
        error.retryable()
    } else {
        error
    })
}

/// Reads a token from an answer (RFC 6749, section 5.1); the number of seconds may be text.
pub fn token(what: &str, answer: &Value) -> Result<Token> {
    let secret = answer.get("access_token").and_then(Value::as_str).filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| Error::new(ErrorKind::Denied, format!("{what} gives no token")))?;
    let seconds = answer.get("expires_in");
    let seconds = seconds.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    Ok(Token { secret: secret.to_owned(), lasts: Duration::from_secs(seconds.unwrap_or(600)) })
}

/// Writes pairs as a form (RFC 6749, appendix B).
pub fn form(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", crate::encoding::encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_token_is_kept_until_shortly_before_it_ends() {
        static FETCHED: AtomicU32 = AtomicU32::new(0);
        let bearer = |seconds| {
            Bearer::new(move || {
                let number = FETCHED.fetch_add(1, Ordering::Relaxed);
                Ok(Token { secret: number.to_string(), lasts: Duration::from_secs(seconds) })
            })
        };
        let long = bearer(3600);
        assert_eq!([long.get().unwrap(), long.get().unwrap()], ["0", "0"]);
        long.forget();
        assert_eq!(long.get().unwrap(), "1");
        let short = bearer(200);
        assert_eq!([short.get().unwrap(), short.get().unwrap()], ["2", "3"]);
    }

    #[test]
    fn answers_are_read() {
        let read = |text| token("it", &serde_json::from_str(text).unwrap());
        let found = read(r#"{"access_token": "t", "expires_in": "3599"}"#).unwrap();
        assert_eq!((found.secret.as_str(), found.lasts.as_secs()), ("t", 3599));
        assert_eq!(read(r#"{"access_token": "t"}"#).unwrap().lasts.as_secs(), 600);
        assert!(read("[]").is_err() && read(r#"{"access_token": ""}"#).is_err());
    }
}
