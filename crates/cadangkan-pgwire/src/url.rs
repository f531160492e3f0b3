use crate::Settings;

const ENCODE: &str =
    "in a URL, each of `:/?#@%` within a user, password or database is percent-encoded, `/` as %2F";

/// Reads a connection URL. Messages never repeat a part of it but a parameter's name.
pub(crate) fn parse(url: &str) -> Result<Settings, String> {
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or("the URL does not begin with postgres:// or postgresql://")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (credentials, None),
    };
    let (host, port) = split_port(place)?;
    let mut settings = Settings::default();
    let parts = [
        ("user", Some(user)),
        ("password", password),
        ("host", Some(host)),
        ("port", port),
        ("dbname", Some(database)),
    ];
    for (keyword, value) in parts {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            settings.fill(keyword, &decode(value)?).map_err(|message| format!("{message}; {ENCODE}"))?;
        }
    }
    // A parameter counts more than the part of the URL that says the same.
    let mut parameters = Settings::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (keyword, value) = pair.split_once('=').ok_or("a parameter of the URL has no value")?;
        set_parameter(&mut parameters, &decode(keyword)?, &decode(value)?)?;
    }
    Ok(parameters.or(settings))
}

fn set_parameter(settings: &mut Settings, keyword: &str, value: &str) -> Result<(), String> {
    match (keyword, value) {
        // What JDBC says, and libpq takes.
        ("ssl", "true") => settings.fill("sslmode", "require"),
        _ => settings.fill(keyword, value),
    }
}

fn split_port(place: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(inside) = place.strip_prefix('[') {
        let (host, after) = inside.split_once(']').ok_or("the address in the URL has no closing `]`")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("something other than a port follows the address in the URL".to_owned()),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err("an IPv6 address in a URL stands in brackets: [::1]; and `:` in a password is written %3A"
                .to_owned())
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::{Secret, SslMode};

    #[test]
    fn reads_every_part() {
        let rest = "od%20d:p%40ss%2Fw%3A@[::1]:5433/sh%2Fop?sslmode=verify-full&sslrootcert=/r.crt\
                   &connect_timeout=7&options=-c%20geqo%3Doff&application_name=shop&passfile=/p&service=s";
        let expected = Settings {
            host: Some("::1".into()),
            port: Some(5433),
            user: Some("od d".into()),
            password: Some(Secret::new("p@ss/w:")),
            database: Some("sh/op".into()),
            sslmode: Some(SslMode::VerifyFull),
            sslrootcert: Some(PathBuf::from("/r.crt")),
            connect_timeout: Some(Duration::from_secs(7)),
            options: Some("-c geqo=off".into()),
            passfile: Some(PathBuf::from("/p")),
            service: Some("s".into()),
            ..Settings::default()
        };
        assert_eq!(parse(&format!("postgresql://{rest}")).unwrap(), expected);
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(parse("postgres://").unwrap(), Settings::default());
        let settings = parse("postgres:///shop?host=/run/pg&port=6000").unwrap();
        assert_eq!((settings.host.as_deref(), settings.port), (Some("/run/pg"), Some(6000)));
        assert_eq!(settings.database.as_deref(), Some("shop"));
        assert_eq!(parse("postgres://%2Frun%2Fpg/").unwrap().host.as_deref(), Some("/run/pg"));
        assert_eq!(parse("postgres://host/?host=real").unwrap().host.as_deref(), Some("real"));
    }

    #[test]
    fn mistakes_are_named_and_secrets_are_not() {
        let cases = [
            ("u:hunter2@h/d", "begin with"),
            ("u:hunter2@h/d?sslmod=x", "`sslmod`"),
            ("u:hunter2@h/d?sslmode=full", "verify-full"),
            ("u:hunter2@h/d?target_session_attrs=any", "`target_session_attrs`"),
            ("u:hunter2@a,b/d", "several hosts"),
            ("u:hunter2@h:99999/d", "65535"),
            ("u:hunter2@h/%zz", "%25"),
            ("u:hunter2@h/%00", "zero byte"),
            ("u:hunter2@h/%ff", "UTF-8"),
            ("u:hunter2@::1/d", "brackets"),
            ("u:hunter2/x@h/d", "65535"),
            ("u:a?hunter2@h/d", "percent-encoded"),
            ("h/d?hunter2@x=1", "a parameter"),
            ("h/d?hunter2", "no value"),
            ("u:hunter2@[::1/d", "`]`"),
            ("u:hunter2@h?connect_timeout=soon", "seconds"),
        ];
        for (url, part) in cases {
            let url = if part == "begin with" { url.to_owned() } else { format!("postgres://{url}") };
            let message = Settings::from_url(&url).unwrap_err().message;
            assert!(message.contains(part), "{url}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
