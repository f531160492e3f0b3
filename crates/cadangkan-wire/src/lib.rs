//! What the protocol crates share below their protocols, blocking: sockets, TLS, secrets, the way to a server.
//!
//! Nothing here knows a protocol. What one calls its settings, for messages, is passed in as [`Words`].

mod attempt;
mod environment;
mod gather;
mod open;
mod secret;
mod socket;
mod tls;
mod transport;
mod url;
mod words;

pub use attempt::Attempt;
pub use environment::{Environment, SystemEnvironment, read_variables};
pub use open::{open, resolve};
pub use secret::Secret;
pub use socket::{Address, Socket};
pub use tls::{Roots, Tls, TlsSettings, is_of_tls};
pub use transport::Transport;
pub use url::{ENCODE, Url};
pub use words::{Words, lost};
