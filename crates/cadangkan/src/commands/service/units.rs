//! The texts that systemd and launchd are given. Both are made on every system.

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

/// The file of the unit.
pub(super) const UNIT: &str = "/etc/systemd/system/cadangkan.service";
/// The user and the group of the service.
pub(super) const USER: &str = "cadangkan";
/// The home folder of the service.
pub(super) const HOME: &str = "/var/lib/cadangkan";
/// The folder of its configuration.
pub(super) const CONFIGURATION: &str = "/etc/cadangkan";
/// Its configuration.
pub(super) const CONFIG: &str = "/etc/cadangkan/config.yaml";
/// Its master key, where that is kept from the service's user.
pub(super) const MASTER_KEY: &str = "/etc/cadangkan/master.key";
/// What launchd calls the service.
pub(super) const LABEL: &str = "cadangkan.daemon";
/// The file that launchd reads.
pub(super) const PLIST: &str = "/Library/LaunchDaemons/cadangkan.daemon.plist";

/// What the service sees of home folders: systemd.exec(5), ProtectHome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ProtectHome {
    /// It may read what their rights allow
    #[default]
    ReadOnly,
    /// It sees nothing of them
    Yes,
    /// It may write what their rights allow
    No,
}

/// What differs from one machine's unit to the next.
#[derive(Debug)]
pub(super) struct Systemd<'a> {
    pub(super) program: &'a Path,
    pub(super) protect_home: ProtectHome,
    /// Folders that may be written to beside the home folder of the service.
    pub(super) writable: &'a [PathBuf],
    pub(super) has_master_key: bool,
}

/// Fails when the service would not find its program: it has a `/tmp` and a `/var/tmp` of its own, and sees no home folders
/// where those are protected (systemd.exec(5), PrivateTmp and ProtectHome).
pub(super) fn can_be_seen(program: &Path, protect_home: ProtectHome) -> Result<()> {
    let homes: &[&str] =
        if protect_home == ProtectHome::Yes { &["/home", "/root", "/run/user"] } else { &[] };
    match ["/tmp", "/var/tmp"].iter().chain(homes).find(|folder| program.starts_with(folder)) {
        Some(folder) => {
            Err(Error::new(ErrorKind::Denied, format!("the service would not see this program: {folder} is hidden from it"))
                .context("program", program.display())
                .hint("copy it to where all may run it, and install from there:\ninstall -m 0755 cadangkan /usr/local/bin/cadangkan"))
        }
        None => Ok(()),
    }
}

/// Makes the unit. Fails when a path cannot be written into one.
pub(super) fn systemd(service: &Systemd<'_>) -> Result<String> {
    let program = in_unit("", service.program)?;
    let home = match service.protect_home {
        ProtectHome::ReadOnly => "read-only",
        ProtectHome::Yes => "yes",
        ProtectHome::No => "no",
    };
    let mut more = String::new();
    for folder in service.writable {
        // A folder that is not there, such as a disk that is not mounted, does not keep the service from starting.
        more.push_str(&format!("ReadWritePaths={}\n", in_unit("-", folder)?));
    }
    let key = if service.has_master_key {
        format!(
            "LoadCredential=master.key:{MASTER_KEY}\nEnvironment=CADANGKAN_MASTER_KEY_FILE=%d/master.key\n"
        )
    } else {
        String::new()
    };
    Ok(format!(
        "\
# Made by `cadangkan service install`, which writes it anew; changes of your own: `systemctl edit cadangkan`.
[Unit]
Description=Cadangkan, backups of databases
Documentation=file://{CONFIG}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
WatchdogSec=120
ExecStart={program} daemon
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=10
TimeoutStopSec=120
KillMode=mixed
SyslogIdentifier=cadangkan

User={USER}
Group={USER}
UMask=0077
StateDirectory=cadangkan
StateDirectoryMode=0700
ConfigurationDirectory=cadangkan
ConfigurationDirectoryMode=0750
Environment=CADANGKAN_HOME={HOME}
Environment=CADANGKAN_CONFIG={CONFIG}
{key}
ProtectSystem=strict
ProtectHome={home}
{more}PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"
    ))
}

/// Makes what launchd reads: the daemon runs as a person, on that person's home folder.
pub(super) fn launchd(program: &Path, user: &str, home: &Path) -> Result<String> {
    let program = in_xml(plain(program)?);
    let (user, home) = (in_xml(user), in_xml(plain(home)?));
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>daemon</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>CADANGKAN_HOME</key>
    <string>{home}</string>
    <key>PATH</key>
    <string>/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin</string>
  </dict>
  <key>UserName</key>
  <string>{user}</string>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>120</integer>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
"#
    ))
}

/// A path as one word of a unit: systemd.syntax(7), Quoting; systemd.unit(5), Specifiers.
fn in_unit(prefix: &str, path: &Path) -> Result<String> {
    let text = format!("{prefix}{}", plain(path)?.replace('%', "%%"));
    Ok(if text.contains(' ') { format!("\"{text}\"") } else { text })
}

fn in_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A path in which nothing means anything to whoever reads the file.
fn plain(path: &Path) -> Result<&str> {
    let is_odd = |text: &str| {
        text.chars().any(|letter| letter.is_control() || matches!(letter, '"' | '\'' | '\\' | '$'))
    };
    path.to_str().filter(|text| !is_odd(text) && path.is_absolute()).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "the path cannot stand in the file of a service")
            .context("path", format!("{}", path.display()))
            .hint("it has to be absolute, without quotes, backslashes, dollar signs and control characters; a link with a plain name helps")
    })
}

#[cfg(test)]
mod tests;
