//! Fakes for faults and time, and data to test with. Only for tests.

pub mod azure;
mod certificate;
mod clock;
pub mod cut;
pub mod fake_engine;
pub mod fronts;
pub mod gcs;
pub mod mysql;
pub mod passive;
pub mod proxy;
pub mod relay;
pub mod relayed;
mod revocation;
pub mod runs;
pub mod s3;
pub mod scripted;
pub mod servers;
pub mod sshd;
pub mod storages;
pub mod torture;

pub use certificate::SELF_SIGNED;
pub use clock::FakeClock;
pub use fake_engine::FAKE;
pub use revocation::RevocationLists;
