//! The PostgreSQL frontend protocol, blocking: connecting, queries, and COPY at the speed of the socket.
//!
//! Protocol 3.0 as in the manual's chapter "Frontend/Backend Protocol". Where to connect is found out as libpq does
//! it (chapter "libpq", "Parameter Key Words", "Environment Variables", "The Password File", "The Connection
//! Service File", "SSL Support"); differences are said where they are made.

mod channel;
mod connect;
mod connection;
mod copy_in;
mod explain;
mod hosts;
mod inbox;
mod login;
mod notice;
mod passfile;
mod quote;
mod server_error;
mod service;
mod session;
mod session_attributes;
mod settings;
mod ssl_mode;
mod stop;
mod target;
mod tls;
mod url;
mod variables;

pub use cadangkan_wire::{Environment, Secret, SystemEnvironment};
pub use connection::Connection;
pub use copy_in::CopyIn;
pub use notice::Notice;
pub use quote::{identifier, literal};
pub use server_error::{ServerError, server_error};
pub use session_attributes::SessionAttributes;
pub use settings::{Ports, Settings};
pub use ssl_mode::SslMode;
pub use target::Target;
