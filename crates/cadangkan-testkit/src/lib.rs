//! Fakes for faults and time, and data to test with. Only for tests.

mod clock;

pub use clock::FakeClock;
