use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_core::settings::{SettingsError, mistake};
use cadangkan_core::{Error, ErrorKind, Result};

use crate::{SshSettings, Tunnel};

/// The way to a server: straight, or through an SSH host by a tunnel, which is open from its first use until the last
/// copy of this is gone.
#[derive(Clone)]
pub struct Way {
    ssh: Option<SshSettings>,
    tunnel: Arc<Mutex<Option<Tunnel>>>,
}

impl Way {
    /// Makes it of the settings `ssh` and `ssh_key`.
    pub fn new(ssh: Option<SshSettings>, key: Option<PathBuf>) -> Result<Way, SettingsError> {
        if key.is_some() && ssh.is_none() {
            return Err(mistake("ssh_key", "a key needs a host: add `ssh`"));
        }
        let ssh = ssh.map(|ssh| SshSettings { key: key.or(ssh.key), ..ssh });
        Ok(Way { ssh, tunnel: Arc::default() })
    }

    /// Whether it leads through an SSH host.
    pub fn is_through(&self) -> bool {
        self.ssh.is_some()
    }

    /// The near end of the tunnel to `host` and `port`, where there is an SSH host.
    pub fn through(&self, host: &str, port: u16) -> Result<Option<SocketAddr>> {
        let Some(ssh) = &self.ssh else { return Ok(None) };
        let mut tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(match tunnel.as_ref() {
            Some(tunnel) => tunnel.address(),
            None => tunnel.insert(Tunnel::open(ssh, host, port)?).address(),
        }))
    }

    /// Says why a connection failed where the tunnel was the reason.
    pub fn explain(&self, error: Error) -> Error {
        let tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        match (tunnel.as_ref(), error.kind()) {
            (Some(tunnel), ErrorKind::Unreachable | ErrorKind::Timeout) => tunnel.explain(error),
            _ => error,
        }
    }
}
