//! Fakes for faults and time, and data to test with. Only for tests.

mod clock;
pub mod fake_engine;
pub mod mysql;
pub mod servers;
pub mod torture;

pub use clock::FakeClock;
