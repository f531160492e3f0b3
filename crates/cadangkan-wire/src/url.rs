/// Says how to write what a URL cannot hold as it is.
pub const ENCODE: &str =
    "in a URL, each of `:/?#@%` within a user, password or database is percent-encoded, `/` as %2F";

/// A connection URL taken apart and decoded; what is empty is missing. Messages never repeat a part of it.
pub struct Url<'a> {
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The host, without the brackets of an address.
    pub host: Option<String>,
    /// What should be a port.
    pub port: Option<String>,
    /// The database.
    pub database: Option<String>,
    query: &'a str,
}

impl<'a> Url<'a> {
    /// Reads a URL of one of two schemes, such as `acme://`.
    pub fn read(url: &'a str, [one, other]: [&str; 2]) -> Result<Url<'a>, String> {
        let rest = url.strip_prefix(one).or_else(|| url.strip_prefix(other));
        let rest = rest.ok_or_else(|| format!("the URL does not begin with {one} or {other}"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (host, port) = split_port(place)?;
        let part = |text: &str| Ok::<_, String>(Some(decode(text)?).filter(|text| !text.is_empty()));
        Ok(Url {
            user: part(user)?,
            password: part(password)?,
            host: part(host)?,
            port: part(port)?,
            database: part(database)?,
            query,
        })
    }

    /// The parameters, one after the other, with their values.
    pub fn parameters(&self) -> impl Iterator<Item = Result<(String, String), String>> + 'a {
        self.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').ok_or("a parameter of the URL has no value")?;
            Ok((decode(name)?, decode(value)?))
        })
    }
}

/// Splits host and port; a port that is not there is empty.
fn split_port(place: &str) -> Result<(&str, &str), String> {
    if let Some(inside) = place.strip_prefix('[') {
        let (host, after) = inside.split_once(']').ok_or("the address in the URL has no closing `]`")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if after.is_empty() => Ok((host, "")),
            None => Err("something other than a port follows the address in the URL".to_owned()),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err("an IPv6 address in a URL stands in brackets: [::1]; and `:` in a password is written %3A"
                .to_owned())
        }
        Some(parts) => Ok(parts),
        None => Ok((place, "")),
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match value {
            Some(0) => return Err("the URL has a zero byte".to_owned()),
            Some(value) => bytes.push(value),
            None => {
                return Err("after `%` the URL has no two hexadecimal digits; `%` itself is %25".to_owned());
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "the URL is not valid UTF-8 once decoded".to_owned())
}
