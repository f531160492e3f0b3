//! A server of S3 that keeps sums and storage classes: moto, of Debian's package. It believes every signature.

use anyhow::Result;

use super::{ACCESS_KEY, Kind, Launch, Place, SECRET_KEY};
use crate::servers::Installation;
use crate::servers::roots::{self, Suite};

pub(super) const MOTO: Kind = Kind { name: "moto", obtain, prepare };

fn obtain() -> Result<Installation> {
    let root = roots::obtain(Suite::Trixie, &["python3-moto", "python3-flask-cors"])?;
    Ok(Installation { user: "daemon".to_owned(), root: Some(root), bin: "/usr/bin".into() })
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let port = place.port.to_string();
    let arguments = ["-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", &port];
    Ok(Launch::new("python3", &arguments, &[("access_key", ACCESS_KEY), ("secret_key", SECRET_KEY)]))
}
