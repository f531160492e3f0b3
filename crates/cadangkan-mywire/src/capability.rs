//! What client and server can do, as bits (manual of the protocol, "Capabilities Flags").

/// The database may be named in the login.
pub(crate) const CONNECT_WITH_DB: u32 = 1 << 3;
/// The login of 4.1 and newer.
pub(crate) const PROTOCOL_41: u32 = 1 << 9;
/// The connection may go on in TLS.
pub(crate) const SSL: u32 = 1 << 11;
/// The challenge of 20 bytes.
pub(crate) const SECURE_CONNECTION: u32 = 1 << 15;
/// The server names the plugin that it wants the login by.
pub(crate) const PLUGIN_AUTH: u32 = 1 << 19;
/// The client says what program it is.
pub(crate) const CONNECT_ATTRS: u32 = 1 << 20;
/// Answers to a challenge may be longer than 255 bytes.
pub(crate) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
/// Results end in one way only.
pub(crate) const DEPRECATE_EOF: u32 = 1 << 24;
/// What MySQL has always set, and MariaDB does not.
pub(crate) const LONG_PASSWORD: u32 = 1;

const LONG_FLAG: u32 = 1 << 2;
const LOCAL_FILES: u32 = 1 << 7;
const TRANSACTIONS: u32 = 1 << 13;
/// Needed for procedures that return rows. Several statements in one (`MULTI_STATEMENTS`) are never asked for: what
/// is meant as one statement is to stay one.
const MULTI_RESULTS: u32 = 1 << 17;

/// What a server needs to have.
pub(crate) const NEEDED: u32 = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;

/// What we use of what a server has.
pub(crate) const WANTED: u32 = LONG_PASSWORD
    | LONG_FLAG
    | CONNECT_WITH_DB
    | LOCAL_FILES
    | PROTOCOL_41
    | SSL
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_RESULTS
    | PLUGIN_AUTH
    | CONNECT_ATTRS
    | PLUGIN_AUTH_LENENC
    | DEPRECATE_EOF;
