use cadangkan_wire::{ENCODE, Url};

use crate::Settings;

/// Reads a connection URL. Messages never repeat a part of it but a parameter's name.
pub(crate) fn parse(url: &str) -> Result<Settings, String> {
    let url = Url::read(url, ["postgres://", "postgresql://"])?;
    // A parameter counts more than the part of the URL that says the same; of two the first one.
    let mut parts = Settings::default();
    for (keyword, value) in [
        ("user", &url.user),
        ("password", &url.password),
        ("host", &url.host),
        ("port", &url.port),
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
