//! MySQL and MariaDB: parallel, consistent dumps and restores.
