use std::sync::Arc;

use cadangkan_storage_azure::Container;
use cadangkan_testkit::azure::TestContainer;
use serde_json::Value;

pub(crate) use cadangkan_storage::conformance::world::{MovedClock, QUICK, bytes, get, key, put};

/// A storage in a container, with settings beside those it needs.
pub(crate) fn open(container: &TestContainer, more: Value) -> Container {
    open_at(container, container.port(), more)
}

/// The same by the port of something before the server.
pub(crate) fn open_at(container: &TestContainer, port: u16, more: Value) -> Container {
    let mut settings = container.settings(port);
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => settings.as_object_mut().unwrap().remove(name),
            value => settings.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    Container::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap()
}
