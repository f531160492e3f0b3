//! The PostgreSQL frontend protocol, blocking.
