//! What storages behind HTTP share: TLS, addresses, how long each wait may be, uploads in parts, reads that go on.

mod failure;
mod line;
mod names;
mod parts;
mod reader;
pub mod token;
mod upload;
mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::Authority;
use cadangkan_core::Result;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::tls;

pub use failure::{Failure, parse_date};
pub use line::{Answer, Line};
pub use names::{names_begin, whole_name};
pub use parts::{Limits, Plan};
pub use reader::{Fetch, Reader, replaced};
pub use upload::{Assembly, Upload};
pub use workers::Part;

/// The slowest a body may go before it counts as stuck, in bytes per second.
const SLOWEST: u64 = 32 << 10;
/// What the system may still have to send when all of a body is written, in bytes.
const BUFFERED: u64 = 4 << 20;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(20);

/// How long a whole request may take whose body has this size, when nothing of it may wait longer than `stall`.
pub fn limit(stall: Duration, bytes: u64) -> Duration {
    stall.saturating_add(Duration::from_secs(bytes / SLOWEST))
}

/// How long the answer to a body of this size may be waited for: the system may still be sending the end of it.
pub fn answer_limit(stall: Duration, bytes: u64) -> Duration {
    limit(stall, bytes.min(BUFFERED))
}

/// Makes the agent: connections are kept, redirects are not followed, every wait is bounded.
pub fn agent(stall: Duration, with_tls: bool, authorities: Option<&Path>) -> Result<Agent> {
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

/// Tells whether a request failed since the server's certificate is not trusted.
pub fn is_of_certificate(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => {
            error.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
        }
        _ => false,
    }
}

/// The text of a header.
pub fn header<'a>(headers: &'a ::http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
