"""A mail server for the tests: aiosmtpd with a login, and if wanted TLS; every message becomes a file.

usage: mail_server.py PORT DIRECTORY [--tls starttls|implicit] [--refuse ADDRESS]... [--password TEXT]

Messages are written to DIRECTORY/messages as 0001.json and so on, read by Python's own parser. DIRECTORY/ready is
there once it listens; with TLS, DIRECTORY/authority.pem is the authority that vouches for it.
"""

import argparse
import datetime
import email
import email.policy
import json
import os
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER = "mailer"


class Handler:
    def __init__(self, directory, refused):
        self.directory = os.path.join(directory, "messages")
        os.makedirs(self.directory, exist_ok=True)
        self.refused = refused
        self.lock = threading.Lock()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 5.1.1 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        parts = {part.get_content_type(): part for part in message.walk()}
        transport = server.transport.get_extra_info("sslcontext")
        kept = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "encrypted": transport is not None,
            "login": session.auth_data,
            "subject": str(message["subject"]),
            "message_id": str(message["message-id"]),
            "headers": {name: str(value) for name, value in message.items()},
            "form": message.get_content_type(),
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "text": parts["text/plain"].get_content().replace("\r\n", "\n"),
            "html": parts["text/html"].get_content().replace("\r\n", "\n"),
            "raw": envelope.original_content.decode("latin-1"),
        }
        with self.lock:
            path = os.path.join(self.directory, f"{len(os.listdir(self.directory)) + 1:04}.json")
            with open(path + ".new", "w") as file:
                json.dump(kept, file)
                file.flush()
                os.fsync(file.fileno())
            os.rename(path + ".new", path)
        return "250 OK, it is kept"


def authority(directory):
    """Makes an authority and a certificate for localhost; returns the context of the server."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(subject, key, issuer, issuer_key, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        return builder.add_extension(extension, critical=False).sign(issuer_key, hashes.SHA256())

    own, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("tests", own, "tests", own, x509.BasicConstraints(ca=True, path_length=None))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    server = certificate("localhost", leaf, "tests", own, names)

    def write(name, content):
        path = os.path.join(directory, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    pem = serialization.Encoding.PEM
    write("authority.pem", root.public_bytes(pem))
    private = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = write("server.pem", server.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, write("server.key", private))
    return context


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("directory")
    parser.add_argument("--tls", choices=["starttls", "implicit"])
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--password", default="hunter2")
    args = parser.parse_args()

    def authenticate(server, session, envelope, mechanism, data):
        is_right = isinstance(data, LoginPassword) and data.login == USER.encode()
        is_right = is_right and data.password == args.password.encode()
        if is_right:
            return AuthResult(success=True, auth_data=USER)
        # A server that tells what it was told: the answer must not get into any message of ours.
        said = data.password.decode() if isinstance(data, LoginPassword) else ""
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 {said} is wrong")

    context = authority(args.directory) if args.tls else None
    options = {"authenticator": authenticate, "auth_required": True, "enable_SMTPUTF8": True}
    options["auth_require_tls"] = args.tls == "starttls"
    if args.tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}

    handler = Handler(args.directory, set(args.refuse))
    wrapped = context if args.tls == "implicit" else None
    server = Controller(
        handler, hostname="127.0.0.1", port=args.port, ready_timeout=60, ssl_context=wrapped, **options
    )
    server.start()
    with open(os.path.join(args.directory, "ready"), "w"):
        pass
    threading.Event().wait()


main()
