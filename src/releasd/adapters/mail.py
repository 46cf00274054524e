"""Announcements by e-mail: one message for each recipient, through the operator's mail server.

One message each, so that an address which is refused, or asked to wait, concerns nobody else. The Message-ID follows
from the idempotency key: whoever gets a message twice sees that it is one.
"""

import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY

from releasd.core import announcing
from releasd.errors import ConfigError, Denied, Permanent, ReleasdError, Transient
from releasd.model import Evidence, News
from releasd.ports import Secret

PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server and whom to write to through it. `security` is a key of `PORTS`; `ca` a file of authorities."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    security: str = "starttls"
    port: int | None = None
    user: str | None = None
    secret: Callable[[], Secret] | None = None
    ca: str | None = None


class Mailers:
    """`ports.Mailer` over the operator's mail servers. `timeout` in seconds, for each answer of the server."""

    def __init__(self, servers: Mapping[str, MailServer], *, timeout: float = 15.0) -> None:
        self._servers = servers
        self._timeout = timeout

    def recipients(self, mail: str) -> tuple[str, ...]:
        """Return the addresses registered under `mail`."""
        return self._server(mail).recipients

    def send(self, mail: str, recipient: str, news: News, *, key: str) -> Evidence:
        """Hand one message to the server, which takes it from there.

        Raises `Transient` for what may pass (SMTP 4xx, no connection), `Denied` for a refused login, `Permanent` else.
        """
        server = self._server(mail)
        message = compose(server.sender, recipient, news, key)
        with _failures(f"mail server {mail}"), self._session(server, mail) as session:
            session.send_message(message, server.sender, [recipient])
        return {"message_id": message["Message-ID"]}

    def _server(self, mail: str) -> MailServer:
        if mail not in self._servers:
            raise ConfigError(f"no mail server is called {mail!r}", advice=f"Add [mail.{mail}], or do not name it.")
        return self._servers[mail]

    @contextmanager
    def _session(self, server: MailServer, mail: str) -> Iterator[smtplib.SMTP]:
        password = server.secret() if server.secret else None  # before anything is connected: it may take its time
        port = server.port or PORTS[server.security]
        if server.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, port, timeout=self._timeout, context=_context(server, mail)
            )
        else:
            session = smtplib.SMTP(server.host, port, timeout=self._timeout)
        with session:
            if server.security == "starttls":
                session.starttls(context=_context(server, mail))  # raises where the server offers none: never in clear
            if server.user and password:
                session.login(server.user, password.reveal())
            yield session


def compose(sender: str, recipient: str, news: News, key: str) -> EmailMessage:
    """Return the message; the same news, recipient and key give the same bytes."""
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = announcing.subject(news)
    message["Message-ID"] = f"<{_atom(key)}@{Address(addr_spec=sender).domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    message.set_content(announcing.text(news))
    return message


def _atom(key: str) -> str:
    """Return `key` as the left half of a Message-ID (RFC 5322, dot-atom)."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._") else "-" for char in key)


def _context(server: MailServer, mail: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{server.ca} holds no certificates: {error}", advice=f"Correct ca in [mail.{mail}]."
        ) from None


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Raise our own errors by cause. The server's words are left out of a refused login: it may echo what it got."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise _by_code(error.smtp_code, f"{what} refused the login ({error.smtp_code})", Denied) from None
    except smtplib.SMTPRecipientsRefused as error:
        ((recipient, (code, words)),) = error.recipients.items()
        raise _by_code(code, f"{what} refused {recipient}: {code} {_words(words)}", Permanent) from None
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, f"{what} answered {error.smtp_code} {_words(error.smtp_error)}") from None
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(f"{what}: {error}", advice="Check security and user in its entry.") from None
    except ssl.SSLCertVerificationError as error:
        raise Permanent(f"{what} shows no certificate to trust: {error.verify_message}", advice="Set ca.") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(f"{what} could not be reached: {error}", advice="Check that it is up.") from None


def _by_code(code: int, message: str, refused: type[ReleasdError] = Permanent) -> ReleasdError:
    """Return the error for an SMTP reply: 4xx may pass (RFC 5321 section 4.2.1), 421 and connection errors too."""
    if code < 500:  # noqa: PLR2004 - the class of permanent refusals
        return Transient(message, advice="It is tried again by itself.")
    return refused(message, advice="Correct its entry under [mail], then `releasd retry JOB`.")


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]
