use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};

use cadangkan_core::{ErrorKind, Result};
use cadangkan_mywire::Connection;

use crate::support::{calmly, check, server, target, url};

/// Passes on what the server says to a client, up to a number of bytes, and cuts then.
fn cut_after(limit: u64, client: &TcpStream, server: u16) {
    client.set_nonblocking(false).unwrap();
    let upstream = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let shut = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = upstream.shutdown(Shutdown::Both);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut (&*client), &mut (&upstream));
            shut();
        });
        let _ = std::io::copy(&mut (&upstream).take(limit), &mut (&*client));
        shut();
    });
}

/// Reads two long rows through a proxy that cuts each connection.
fn read_through(limit: u64, mode: &str, server: u16) -> Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let elsewhere = target(&url!("root:pw@127.0.0.1:{port}/?ssl-mode={mode}"));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            calmly(|control| {
                let mut connection = Connection::open(&elsewhere, control)?;
                let sql = "SELECT REPEAT('x', 100000) UNION ALL SELECT REPEAT('y', 100000)";
                let count = connection.rows(sql, control, |_, row| {
                    row.values().try_for_each(|value| {
                        assert_eq!(value?.unwrap().len(), 100_000);
                        Ok(())
                    })
                });
                assert_eq!(connection.is_broken(), count.is_err());
                count
            })
        });
        while !client.is_finished() {
            if let Ok((stream, _)) = listener.accept() {
                cut_after(limit, &stream, server);
            }
        }
        client.join().unwrap()
    })
}

#[test]
fn a_cut_is_an_error_wherever_it_comes() {
    let Some(server) = server() else { return };
    for mode in ["disabled", "required"] {
        for limit in [0, 3, 50, 90, 100, 130, 1000, 5000, 90_000, 150_000, 190_000] {
            let error = read_through(limit, mode, server.port).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{mode} {limit}: {error:?}");
            check(&error);
        }
        assert_eq!(read_through(1 << 30, mode, server.port).unwrap(), 2);
    }
}
