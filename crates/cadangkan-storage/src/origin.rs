/// An object as a storage names it to others on the same server, so that these copy it without its bytes passing
/// through here.
#[derive(Clone)]
pub struct Origin {
    /// The protocol and the server; another one cannot copy it.
    pub server: String,
    /// Its name there, as requests have it.
    pub name: String,
    /// What tells its versions apart: no other one is copied.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// What requests carry that read it; it may be secret.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("server", &self.server)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
