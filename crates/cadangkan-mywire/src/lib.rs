//! The MySQL and MariaDB client protocol, blocking: connecting, queries, and rows at the speed of the socket.
//!
//! Protocol 4.1 as in MySQL's source code documentation, chapter "Client/Server Protocol", and MariaDB's pages of
//! the same name. Where to connect is found out as the command-line clients do it (manual, "Connecting to the
//! Server", "Using Option Files", "Environment Variables", "Encrypted Connections"); differences are said where they
//! are made.

mod answers;
mod auth;
mod bytes;
mod capability;
mod channel;
mod column;
mod connect;
mod connection;
mod environment;
mod explain;
mod handshake;
mod inbox;
mod load_data;
mod login;
mod option_files;
mod quote;
mod row;
mod server_error;
mod settings;
mod ssl_mode;
mod stop;
mod target;
mod tls;
mod url;
mod variables;
mod version;

pub use cadangkan_wire::{Secret, SystemEnvironment};
pub use column::{Column, ColumnKind};
pub use connection::Connection;
pub use environment::Environment;
pub use option_files::OptionFile;
pub use quote::{identifier, literal};
pub use row::{Row, Values};
pub use server_error::{ServerError, server_error};
pub use settings::{Protocol, Settings};
pub use ssl_mode::SslMode;
pub use target::Target;
pub use version::{Flavor, Version};
