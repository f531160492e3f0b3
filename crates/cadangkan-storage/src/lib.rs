//! Places for backups: keys, and bytes under them.
//!
//! A storage knows nothing of frames, manifests or databases. All calls block; a provider whose client is
//! asynchronous drives it inside, and bounds every wait.

mod backoff;
#[cfg(feature = "testing")]
pub mod conformance;
mod contact;
mod descriptor;
pub mod encoding;
#[cfg(feature = "testing")]
pub mod faulty;
#[cfg(feature = "http")]
pub mod http;
mod key;
mod layer;
mod lifecycle;
mod origin;
mod providers;
mod storage;
mod throttled;
mod url;

#[cfg(feature = "tls")]
pub use cadangkan_http::tls;

pub use backoff::Backoff;
pub use contact::Contact;
pub use descriptor::StorageDescriptor;
pub use key::{Key, PARTIAL, check_folder, is_path, new_partial_name, partial_path};
pub use layer::Layer;
pub use lifecycle::{Lifecycle, LifecycleRule};
pub use origin::Origin;
pub use providers::local::{LOCAL, Local};
pub use providers::memory::Memory;
pub use storage::{ObjectInfo, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions};
pub use throttled::Throttled;
pub use url::{Url, read_place};
