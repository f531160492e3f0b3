//! What storages and notifications share behind TLS and HTTP: whom they trust, and agents whose every wait is bounded.

mod post;
mod silence;
pub mod tls;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::Result;
use http::uri::Authority;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

pub use post::{Said, post};
pub use silence::{Silence, TlsTrouble};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// Makes the agent for a host, with or without a port: connections are kept, redirects are not followed, every wait is bounded.
///
/// It goes through the proxy of the environment, but for this machine and what a cloud's machine asks about itself: there a
/// proxy would hear what is said in clear, and answer for another machine.
pub fn agent(host: &str, stall: Duration, with_tls: bool, authorities: Option<&Path>) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cadangkan/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(CONNECT.min(stall)))
        .timeout_connect(Some(CONNECT.min(stall)))
        .timeout_per_read(Some(stall))
        .timeout_per_write(Some(stall))
        .output_buffer_size(256 << 10)
        .input_buffer_size(256 << 10)
        .max_idle_connections_per_host(16)
        .max_idle_age(Duration::from_secs(10));
    if is_near(host) {
        config = config.proxy(None);
    }
    if with_tls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = tls::authorities(authorities)?;
        let roots = trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let config_of_tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        config = config.tls_config(config_of_tls);
    }
    Ok(config.build().new_agent())
}

/// Tells whether a host, with or without a port, is this machine, so that nobody in between reads what is sent.
pub fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    tls::is_this_machine(authority.host().trim_matches(['[', ']']))
}

/// Whether nobody stands between a host and this machine.
fn is_near(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    let is_link_local = match name.parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_unicast_link_local(),
        Err(_) => name == "metadata.google.internal",
    };
    is_link_local || tls::is_this_machine(name)
}

/// The text of a header.
pub fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_reached_without_a_proxy() {
        for near in [
            "localhost",
            "localhost:80",
            "127.0.0.1:9000",
            "[::1]:80",
            "169.254.169.254",
            "metadata.google.internal",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in ["example.com", "10.0.0.1:443", "[2001:db8::1]", "localhost.example.com", ""] {
            assert!(!is_near(far), "{far}");
        }
    }
}
