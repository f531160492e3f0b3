//! The option file of a server, and the users it begins with.

use std::path::Path;

use super::Flavor;
use crate::servers::{PASSWORD, Settings};

/// Returns the option file of a server whose home, as seen in its root, is `home`.
///
/// Temporary tables have a folder of their own: a server that starts takes away those of all others in the same.
pub(super) fn option_file(flavor: Flavor, home: &Path, settings: Settings) -> String {
    let home = home.display();
    // As in `128MB`, where MySQL writes `128M`.
    let pool = settings.shared_buffers.trim_end_matches('B');
    let mut text = format!(
        "[mysqld]
datadir = {home}/data
tmpdir = {home}/tmp
socket = {home}/socket/mysqld.sock
pid-file = {home}/mysqld.pid
log-error = {home}/log
bind-address = 127.0.0.1
skip-name-resolve
max-connections = 200
character-set-server = utf8mb4
server-id = 1
log-bin = binlog
binlog-row-metadata = FULL
log-bin-trust-function-creators = 1
ssl-ca = {home}/root.crt
ssl-cert = {home}/server.crt
ssl-key = {home}/server.key
local-infile = ON
secure-file-priv =
event-scheduler = OFF
max-allowed-packet = 64M
innodb-buffer-pool-size = {pool}
"
    );
    text += match flavor {
        Flavor::Mysql => {
            "gtid-mode = ON
enforce-gtid-consistency = ON
mysqlx = OFF
innodb-redo-log-capacity = 512M
"
        }
        Flavor::Mariadb => {
            "binlog-format = ROW
gtid-strict-mode = ON
log-slave-updates = ON
innodb-log-file-size = 256M
plugin-load-add = auth_ed25519
"
        }
    };
    text += match (settings.fsync, flavor) {
        (true, _) => "innodb-flush-log-at-trx-commit = 1\nsync-binlog = 1\n",
        (false, Flavor::Mysql) => {
            "innodb-flush-log-at-trx-commit = 2\nsync-binlog = 0\ninnodb-flush-method = nosync\n"
        }
        (false, Flavor::Mariadb) => {
            "innodb-flush-log-at-trx-commit = 2\nsync-binlog = 0\ndebug-no-sync = ON\n"
        }
    };
    text
}

/// Returns the statements, one a line, that make the superuser and `certuser`; they are not in the binary log.
pub(super) fn first_statements() -> String {
    let mut text = "SET SESSION sql_log_bin = 0;\n".to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let (root, certified) = (format!("'root'@'{host}'"), format!("'certuser'@'{host}'"));
        text += &format!("CREATE USER IF NOT EXISTS {root};\n");
        text += &format!("ALTER USER {root} IDENTIFIED BY '{PASSWORD}';\n");
        text += &format!("GRANT ALL PRIVILEGES ON *.* TO {root} WITH GRANT OPTION;\n");
        text += &format!("CREATE USER {certified} REQUIRE SUBJECT '/CN=certuser';\n");
    }
    text
}
