//! A server of S3 with versions, locks and encryption: Ceph's gateway, with one monitor and one daemon in memory.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

use super::{ACCESS_KEY, Kind, Launch, Place, SECRET_KEY};
use crate::servers::Installation;
use crate::servers::roots::{self, Suite};

pub(in crate::servers) const CEPH: Kind = Kind { name: "ceph", obtain, prepare };

fn obtain() -> Result<Installation> {
    let root = roots::obtain(Suite::Trixie, &["ceph-mon", "ceph-osd", "ceph-common", "radosgw"])?;
    let installed = Installation { user: "ceph".to_owned(), root: Some(root), bin: "/usr/bin".into() };
    if !installed.has(&["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"]) {
        bail!("the packages of Ceph did not install its programs");
    }
    Ok(installed)
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let monitor = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port().to_string();
    let folder = place.inside("data").display().to_string();
    let port = place.port.to_string();
    let arguments = ["-c", include_str!("ceph.sh"), "ceph", &folder, &port, &monitor, ACCESS_KEY, SECRET_KEY];
    Ok(Launch::new("sh", &arguments, &[("access_key", ACCESS_KEY), ("secret_key", SECRET_KEY)]))
}
