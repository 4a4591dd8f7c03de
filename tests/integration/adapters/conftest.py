"""Providers under the test's control, real servers on loopback: HTTP by the standard library, SMTP by aiosmtpd."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import email
import email.policy
import gzip
import hashlib
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.base import Message

PACE_S = 0.01


class HttpProvider:
    """Takes form POSTs as Twilio does and answers as ``mode`` says; ``accepted`` is what it would send on."""

    def __init__(self, tls=None):
        self.mode = "created"
        self.requests = []
        self.connections = []
        self.accepted = []
        self.released = threading.Event()
        self.tls = tls
        self._server = None
        self.start()

    def start(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # which offers to keep the connection open

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                form = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
                with contextlib.suppress(ConnectionError, ssl.SSLError):  # the client may have left
                    provider.answer(self, form)

            def log_message(self, *args):
                """Say nothing on the test's output."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 64  # with the default of 5, connections at once wait for a second SYN

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(PACE_S,))
        self._thread.start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self):
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def answer(self, handler, form):
        self.requests.append((handler.path, dict(handler.headers), form))
        self.connections.append(handler.client_address)
        getattr(self, f"_{self.mode}")(handler, form)

    def _reply(self, handler, status, body=b"", headers=()):
        handler.send_response_only(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _accept(self, form):
        self.accepted.append(form)
        sid = "SM" + hashlib.md5(repr(form).encode(), usedforsecurity=False).hexdigest()
        return json.dumps({"sid": sid, "status": "queued", "error_code": None}).encode()

    def _error(self, handler, status, code, headers=()):
        said = {"code": code, "message": "The number +15005550199 is not good", "status": status}
        self._reply(handler, status, json.dumps(said).encode(), headers)

    def _created(self, handler, form):
        self._reply(handler, 201, self._accept(form))

    def _throttle_seconds(self, handler, form):
        self._error(handler, 429, 20429, [("Retry-After", "7")])

    def _throttle_date(self, handler, form):
        dates = [("Date", "Wed, 25 Mar 2026 10:00:00 GMT"), ("Retry-After", "Wed, 25 Mar 2026 10:01:30 GMT")]
        self._error(handler, 429, 20429, dates)

    def _busy(self, handler, form):
        self._reply(handler, 503, b"", [("Retry-After", "30")])

    def _invalid_number(self, handler, form):
        self._error(handler, 400, 21211)

    def _opted_out(self, handler, form):
        self._error(handler, 400, 21610)

    def _bad_login(self, handler, form):
        self._error(handler, 401, 20003)

    def _suspended(self, handler, form):
        self._error(handler, 403, 20005)

    def _error_before(self, handler, form):
        self._reply(handler, 500, b"oops")

    def _error_after(self, handler, form):
        self._accept(form)
        self._reply(handler, 502, b"<html>Bad Gateway</html>")

    def _failed(self, handler, form):
        said = {"sid": "SM" + "0" * 32, "status": "failed", "error_code": 30007}
        self._reply(handler, 201, json.dumps(said).encode())

    def _queued_with_error(self, handler, form):
        said = {"sid": "SM" + "0" * 32, "status": "queued", "error_code": 30007}
        self._reply(handler, 201, json.dumps(said).encode())

    def _undelivered(self, handler, form):
        said = {"sid": "SM" + "0" * 32, "status": "undelivered", "error_code": None}
        self._reply(handler, 200, json.dumps(said).encode())

    def _queue_full(self, handler, form):
        said = {"sid": "SM" + "0" * 32, "status": "failed", "error_code": 30001}
        self._reply(handler, 201, json.dumps(said).encode())

    def _redirect(self, handler, form):
        self._reply(handler, 302, b"", [("Location", f"{self.url}/elsewhere")])

    def _garbage(self, handler, form):
        self._reply(handler, 201, self._accept(form)[:-5])

    def _no_http(self, handler, form):
        self._accept(form)
        handler.wfile.write(b"\x00\xff what is this\r\n\r\n")
        handler.close_connection = True

    def _deep(self, handler, form):
        self._accept(form)
        self._reply(handler, 201, b"[" * 60_000)

    def _huge(self, handler, form):
        self._reply(handler, 201, self._accept(form) + b" " * 1_000_000)

    def _packed(self, handler, form):
        self._reply(handler, 201, gzip.compress(self._accept(form)), [("Content-Encoding", "gzip")])

    def _drop(self, handler, form):
        self._accept(form)
        handler.close_connection = True

    def _cut_off(self, handler, form):
        body = self._accept(form)
        handler.send_response_only(201)
        handler.send_header("Content-Length", str(len(body) + 100))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    def _hang(self, handler, form):
        self._accept(form)
        self.released.wait()

    def _drip_body(self, handler, form):
        body = self._accept(form)
        handler.send_response_only(201)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(body)
        self._drip(handler, b" ")

    def _drip_headers(self, handler, form):
        self._accept(form)
        handler.wfile.write(b"HTTP/1.1 201 Created\r\nX-Drip: ")
        self._drip(handler, b"x")

    def _drip(self, handler, byte):
        while not self.released.wait(PACE_S):
            handler.wfile.write(byte)
            handler.wfile.flush()


class SmtpProvider:
    """A real SMTP server; ``mode`` says how it treats the next mail, ``accepted`` holds (recipients, mail)."""

    def __init__(self, tls=None, implicit=False, login=None):
        self.mode = "accept"
        self.accepted = []
        self.login = login
        self.released = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

        def authenticate(server, session, envelope, mechanism, data):
            given = (data.login.decode(), data.password.decode())
            return AuthResult(success=given == login, handled=False)

        def protocol():
            return SMTP(
                self,
                hostname="mail.example.test",
                loop=self._loop,
                enable_SMTPUTF8=self.mode != "no_smtputf8",
                tls_context=None if implicit else tls,
                require_starttls=tls is not None and not implicit,
                authenticator=authenticate,
                auth_require_tls=tls is not None and not implicit,
            )

        async def listen():
            secure = tls if implicit else None
            return await self._loop.create_server(protocol, "127.0.0.1", 0, ssl=secure)

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self):
        async def close():
            self.released.set()
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.mode == "drop_at_mail":
            server.transport.abort()
        if self.login is not None and not session.authenticated:
            return "530 5.7.0 who are you?"
        envelope.mail_from = address
        return "250 2.1.0 fine"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "no_such_user":
            return f"550 5.1.1 <{address}> unknown here"
        if self.mode == "greylisted":
            return f"451 4.7.1 <{address}> come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if self.mode == "refused_text":
            return f"554 5.7.1 no such words to {envelope.rcpt_tos}"
        if self.mode == "full":
            return "452 4.2.2 full"
        self.accepted.append((tuple(envelope.rcpt_tos), envelope.content))
        if self.mode == "drop":
            server.transport.abort()
        if self.mode == "garbage":
            return "what?"
        if self.mode == "hang":
            await self.released.wait()
        if self.mode == "half":
            server.transport.write(b"250")
            await self.released.wait()
        while self.mode == "drip" and not server.transport.is_closing():
            server.transport.write(b"2")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.released.wait(), PACE_S)
        return "250 2.0.0 queued as 12345"

    def mails(self):
        """What was accepted, parsed."""
        return [email.message_from_bytes(content, policy=email.policy.SMTP) for _to, content in self.accepted]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The PEM file of a certificate for this machine, with its key, that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="session")
def server_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def http_provider():
    provider = HttpProvider()
    yield provider
    provider.stop()


@pytest.fixture
def https_provider(server_tls):
    provider = HttpProvider(server_tls)
    yield provider
    provider.stop()


@pytest.fixture
def smtp_server():
    """Starts SMTP servers with the given arguments; all are stopped after the test."""
    started = []

    def start(**arguments):
        started.append(SmtpProvider(**arguments))
        return started[-1]

    yield start
    for provider in started:
        provider.stop()


@pytest.fixture
def make_message():
    """A message for this channel and address; ``number`` makes the id, changes by name."""

    def make(channel, to, number=0, **changes):
        values = {
            "message_id": hashlib.sha256(str(number).encode()).hexdigest(),
            "channel": channel,
            "to": to,
            "body": "Your instalment of 12.34 was due.",
            "language": "en",
            "created_at": datetime.datetime(2026, 3, 1, 10, 30, tzinfo=datetime.UTC),
            "subject": "Your instalment" if channel == "email" else None,
        }
        return Message(**values | changes)

    return make
