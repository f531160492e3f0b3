use jiff::Timestamp;

/// The only source of the time of day.
///
/// The wall clock may jump, also backwards: nothing may rely on two calls being in order.
pub trait Clock: Send + Sync {
    /// Returns the time of day, in UTC.
    fn now(&self) -> Timestamp;
}
