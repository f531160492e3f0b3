"""An FTP server with TLS for who asks for it, a port where it is from the first byte on, and one of an old server."""

import io
import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

logging.basicConfig(level=logging.WARNING)
files, user, password, certificate, key, *ports = sys.argv[1:]
logins = DummyAuthorizer()
logins.add_user(user, password, files, perm="elradfmwMT")


class File(io.FileIO):
    def write(self, data):
        left = memoryview(data)
        while left:
            left = left[super().write(left):]


class Files(AbstractedFS):
    def open(self, filename, mode):
        # Theirs writes when it closes, too: where the disk is full that fails, and no reply is ever sent.
        return File(filename, mode)


class Data(TLS_DTPHandler):
    def handle_error(self):
        # Theirs closes without a word, where the one without TLS says why.
        why = sys.exc_info()[1].args[:1]
        if why and isinstance(why[0], OSError):
            self._resp = (f"426 {why[0].strerror}; transfer aborted.", logging.debug)
            DTPHandler.close(self)
        else:
            super().handle_error()


class Explicit(TLS_FTPHandler):
    abstracted_fs = Files
    dtp_handler = Data
    authorizer = logins
    certfile = certificate
    keyfile = key

    def __repr__(self):
        # Theirs looks at files that are closed by then, which fails, and fills the log.
        return f"<{self.remote_ip}:{self.remote_port}>"


class Implicit(Explicit):
    tls_data_required = True

    def handle(self):
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self):
        super().handle()


# What came after RFC 959, but SIZE, MDTM and REST.
NEWER = ("MLST", "MLSD", "EPSV", "EPRT", "FEAT", "OPTS", "AUTH", "PBSZ", "PROT")


class Old(Explicit):
    proto_cmds = {name: what for name, what in Explicit.proto_cmds.items() if name not in NEWER}


loop = IOLoop()
for port, handler in zip(ports, (Implicit, Old, Explicit)):
    FTPServer(("127.0.0.1", int(port)), handler, ioloop=loop)
loop.loop()
