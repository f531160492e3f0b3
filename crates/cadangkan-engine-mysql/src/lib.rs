//! MySQL and MariaDB: parallel, consistent dumps and restores.
//!
//! Definitions are the server's own (`SHOW CREATE`); rows are read over several connections whose snapshots were taken
//! at one moment. What an archive holds is a script that `mysql` and `mariadb` run as it stands.

mod catalog;
mod config;
mod descriptor;
mod dump;
mod engine;
mod fingerprint;
mod load;
mod probe;
mod scan;
mod script;
mod server;
mod session;
mod view;

pub use descriptor::MYSQL;
