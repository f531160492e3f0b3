use cadangkan_wire::{ENCODE, Url};

use crate::Settings;

/// Reads a connection URL. Messages never repeat a part of it but a parameter's name.
pub(crate) fn parse(url: &str) -> Result<Settings, String> {
    let url = Url::read(url, ["mysql://", "mariadb://"])?;
    if url.host.as_ref().is_some_and(|host| host.contains(',')) {
        return Err(format!("several hosts are not supported: name the one that is meant; {ENCODE}"));
    }
    let mut settings = Settings::default();
    for (option, value) in [
        ("user", &url.user),
        ("password", &url.password),
        ("host", &url.host),
        ("port", &url.port),
        ("database", &url.database),
    ] {
        if let Some(value) = value {
            settings.set(option, Some(value)).map_err(|message| format!("{message}; {ENCODE}"))?;
        }
    }
    // A parameter counts more than the part of the URL that says the same.
    for parameter in url.parameters() {
        let (option, value) = parameter?;
        set_parameter(&mut settings, &option, &value)?;
    }
    Ok(settings)
}

fn set_parameter(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let option = name.to_ascii_lowercase().replace('_', "-");
    match option.as_str() {
        // As JDBC's connectors and others spell it.
        "sslmode" => settings.set("ssl-mode", Some(value))?,
        "defaults-file" => {
            settings.defaults_file = Some(value.into());
            true
        }
        "defaults-extra-file" => {
            settings.defaults_extra_file = Some(value.into());
            true
        }
        "defaults-group-suffix" => {
            settings.defaults_group_suffix = Some(value.to_owned());
            true
        }
        "no-defaults" => {
            settings.no_defaults = Some(value != "0" && value != "false");
            true
        }
        other => settings.set(other, Some(value))?,
    }
    .then_some(())
    .ok_or_else(|| unknown(name))
}

/// Shows the name only when it looks like one.
fn unknown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-';
    let name = if !name.is_empty() && name.bytes().all(plain) {
        format!("the parameter `{name}`")
    } else {
        "a parameter".to_owned()
    };
    format!("{name} is unknown or not supported")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::{Protocol, Secret, SslMode};

    #[test]
    fn reads_every_part() {
        let rest = "od%20d:p%40ss%2Fw%3A@[::1]:3307/sh%2Fop?ssl-mode=VERIFY_CA&ssl_ca=/ca.pem\
                   &connect_timeout=7&socket=/s&protocol=TCP&enable-cleartext-plugin=1&defaults-file=/d\
                   &defaults-group-suffix=_x&no-defaults=0&sslMode=verify-identity";
        let expected = Settings {
            host: Some("::1".into()),
            port: Some(3307),
            socket: Some("/s".into()),
            protocol: Some(Protocol::Tcp),
            user: Some("od d".into()),
            password: Some(Secret::new("p@ss/w:")),
            database: Some("sh/op".into()),
            ssl_mode: Some(SslMode::VerifyIdentity),
            ssl_ca: Some(PathBuf::from("/ca.pem")),
            connect_timeout: Some(Duration::from_secs(7)),
            enable_cleartext_plugin: Some(true),
            defaults_file: Some("/d".into()),
            defaults_group_suffix: Some("_x".into()),
            no_defaults: Some(false),
            ..Settings::default()
        };
        assert_eq!(parse(&format!("mysql://{rest}")).unwrap(), expected);
        assert_eq!(parse(&format!("mariadb://{rest}")).unwrap(), expected);
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(parse("mysql://").unwrap(), Settings::default());
        let settings = parse("mysql:///shop?socket=/run/m.sock&port=0").unwrap();
        assert_eq!((settings.socket, settings.port), (Some(PathBuf::from("/run/m.sock")), None));
        assert_eq!(settings.database.as_deref(), Some("shop"));
        assert_eq!(parse("mysql://%2Frun%2Fm.sock/").unwrap().host.as_deref(), Some("/run/m.sock"));
        assert_eq!(parse("mysql://host/?host=real").unwrap().host.as_deref(), Some("real"));
    }

    #[test]
    fn mistakes_are_named_and_secrets_are_not() {
        let cases = [
            ("u:hunter2@h/d", "begin with"),
            ("u:hunter2@h/d?ssl-mod=x", "`ssl-mod`"),
            ("u:hunter2@h/d?ssl-mode=full", "verify-identity"),
            ("u:hunter2@h/d?protocol=pipe", "tcp, socket"),
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
            ("u:hunter2@h?connect-timeout=soon", "seconds"),
            ("u:hunter2@h?ssl=maybe", "on or off"),
        ];
        for (url, part) in cases {
            let url = if part == "begin with" { url.to_owned() } else { format!("mysql://{url}") };
            let message = Settings::from_url(&url).unwrap_err().message;
            assert!(message.contains(part), "{url}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
