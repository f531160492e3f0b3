use crate::ServerError;

/// Something the server said beside its answers: a warning, a notice, a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `WARNING`, `NOTICE`, `INFO`, …
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// One sentence, as the server wrote it.
    pub message: String,
}

impl From<ServerError> for Notice {
    fn from(said: ServerError) -> Self {
        Notice { severity: said.severity, code: said.code, message: said.message }
    }
}
