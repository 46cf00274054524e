"""A real SMTP server on loopback (aiosmtpd), with or without TLS and login, that answers what a test tells it to."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.tools import require_tool

USER, PASSWORD = "releasd", "mail-password-0123456789"


@dataclass
class MailBox:
    """What arrived, and what to answer: `replies` by command (`RCPT`, `DATA`), None being fine."""

    port: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" not in self.replies:
            envelope.rcpt_tos.append(address)
        return self.replies.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if "DATA" not in self.replies:
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.envelopes.append((str(envelope.mail_from), tuple(envelope.rcpt_tos)))
        return self.replies.get("DATA", "250 OK")

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login)
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


class _AnyPort(Controller):
    """A controller that finds its server by the port that the system gave to it."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(tls: Path | None = None, *, implicit: bool = False, login: bool = False) -> Iterator[MailBox]:
    """Serve until the end of the block; `tls` is the folder that `certificate` made."""
    box = MailBox()
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    options: dict[str, object] = {"authenticator": box.authenticate, "auth_required": True} if login else {}
    if implicit:
        options |= {"ssl_context": context, "auth_require_tls": False, "auth_required": False}
    elif context is not None:
        options |= {"tls_context": context, "require_starttls": True}
    controller = _AnyPort(box, hostname="127.0.0.1", port=0, ready_timeout=60, **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1, which is its own authority; return its folder."""
    subprocess.run(
        (
            require_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
        ),
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder
