"""A mail server that writes each message down as Python's library reads it."""

import email
import email.policy
import itertools
import json
import os
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

files, user, password, certificate, key, *ports = sys.argv[1:]
numbers = itertools.count()
seen = set()


def login(server, session, envelope, mechanism, data):
    expected = (user.encode(), password.encode())
    is_good = isinstance(data, LoginPassword) and (data.login, data.password) == expected
    # The server says so.
    return AuthResult(success=is_good, handled=False)


class Mailbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 there is no such mailbox"
        if address.startswith("later") and address not in seen:
            seen.add(address)
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        read = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part for part in read.walk() if not part.is_multipart()]
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "login": session.authenticated,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "headers": [[name.lower(), str(value)] for name, value in read.items()],
            "defects": [repr(defect) for part in [read, *parts] for defect in part.defects],
            "parts": [[part.get_content_type(), part.get_content()] for part in parts],
        }
        name = os.path.join(files, f"{next(numbers)}.json")
        with open(name + ".partial", "w") as file:
            json.dump(said, file)
        os.rename(name + ".partial", name)
        return "250 OK"


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
ways = ({"ssl_context": context}, {"tls_context": context, "require_starttls": True})
for port, way in zip(ports, ways):
    # One of its threads for each, which end with this one.
    Controller(
        Mailbox(),
        hostname="127.0.0.1",
        port=int(port),
        server_hostname="mail.example",
        authenticator=login,
        auth_required=True,
        auth_require_tls="tls_context" in way,
        **way,
    ).start()
signal.pause()
