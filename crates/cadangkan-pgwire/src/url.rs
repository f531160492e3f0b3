use std::borrow::Cow;

use cadangkan_wire::{ENCODE, Url};

use crate::Settings;

/// Reads a connection URL. Messages never repeat a part of it but a parameter's name.
pub(crate) fn parse(url: &str) -> Result<Settings, String> {
    let (url, others) = apart(url);
    let url = Url::read(&url, SCHEMES)?;
    let (mut host, mut port) = (url.host.clone(), url.port.clone());
    for other in others {
        let other = format!("postgres://{other}");
        let other = Url::read(&other, SCHEMES)?;
        let join = |these: &Option<String>, those: Option<String>| {
            Some(format!("{},{}", these.as_deref().unwrap_or_default(), those.unwrap_or_default()))
        };
        (host, port) = (join(&host, other.host), join(&port, other.port));
    }
    // A parameter counts more than the part of the URL that says the same; of two the first one.
    let mut parts = Settings::default();
    for (keyword, value) in [
        ("user", &url.user),
        ("password", &url.password),
        ("host", &host),
        ("port", &port.filter(|ports| ports.chars().any(|digit| digit != ','))),
        ("dbname", &url.database),
    ] {
        if let Some(value) = value {
            parts.fill(keyword, value).map_err(|message| format!("{message}; {ENCODE}"))?;
        }
    }
    let mut settings = Settings::default();
    for parameter in url.parameters() {
        let (keyword, value) = parameter?;
        set_parameter(&mut settings, &keyword, &value)?;
    }
    Ok(settings.or(parts))
}

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Takes the second and further of several servers out of a URL: `b:2` of `postgres://me@host:1,b:2/shop`.
fn apart(url: &str) -> (Cow<'_, str>, Vec<&str>) {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at_checked(begin).unwrap_or((url, ""));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (credentials, place) =
        authority.rsplit_once('@').map_or(("", authority), |(before, place)| (before, place));
    let mut places = place.split(',');
    let first = places.next().unwrap_or_default();
    let others: Vec<_> = places.collect();
    if others.is_empty() {
        return (Cow::Borrowed(url), others);
    }
    let at = if authority.contains('@') { "@" } else { "" };
    (Cow::Owned(format!("{scheme}{credentials}{at}{first}{behind}")), others)
}

fn set_parameter(settings: &mut Settings, keyword: &str, value: &str) -> Result<(), String> {
    match (keyword, value) {
        // What JDBC says, and libpq takes.
        ("ssl", "true") => settings.fill("sslmode", "require"),
        _ => settings.fill(keyword, value),
    }
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
            port: Some(5433.into()),
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
        assert_eq!((settings.host.as_deref(), settings.port), (Some("/run/pg"), Some(6000.into())));
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
            ("u:hunter2@h/d?target_session_attrs=some", "prefer-standby"),
            ("u:hunter2@a:1,b:0/d", "65535"),
            ("u:hunter2@a,[::1/d", "`]`"),
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

    #[test]
    fn several_servers_have_their_ports() {
        let read = |url: &str| {
            let settings = parse(&format!("postgres://{url}")).unwrap();
            (settings.host, settings.port.map(|port| port.to_string()))
        };
        let pair = |host: &str, port: Option<&str>| (Some(host.to_owned()), port.map(str::to_owned));
        assert_eq!(read("me:p%2C@a:1,b:2/shop"), pair("a,b", Some("1,2")));
        assert_eq!(read("a,[::1]:5433,c"), pair("a,::1,c", Some(",5433,")));
        assert_eq!(read("a,b/shop"), pair("a,b", None));
        assert_eq!(read("%2Frun%2Fpg,b:7?target_session_attrs=primary"), pair("/run/pg,b", Some(",7")));
        assert_eq!(read("/shop?host=a,b&port=7"), pair("a,b", Some("7")));
        let attributes = parse("postgres://host,b/?target_session_attrs=prefer-standby").unwrap().session;
        assert_eq!(attributes, Some(crate::SessionAttributes::PreferStandby));
    }
}
