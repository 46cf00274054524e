"""E-mail through a real SMTP server: what arrives, what is refused, what is never sent in clear."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.mail import Mailers, MailServer, compose
from releasd.errors import ConfigError, Denied, Permanent, ReleasdError, Transient
from releasd.model import AnnouncedFile, Announcement, Bump
from releasd.ports import Secret
from support.mailserver import PASSWORD, USER, MailBox, certificate, mail_server
from support.ports import own_port

NEWS = Announcement(
    project="demo", distribution="demo", version="1.1.0", pep440="1.1.0", tag="v1.1.0", commit="c" * 40,
    bump=Bump.MINOR, notes="# 1.1.0\n\n* schön: " + "länger " * 200 + "\n.\n* after a lone dot\n", indexes=("pypi",),
    files=(AnnouncedFile(filename="demo-1.1.0.tar.gz", sha256="a" * 64, size=5),),
)  # fmt: skip
TO = "a@example.org"


def server(box: MailBox, **changes: object) -> MailServer:
    plain = MailServer(
        host="127.0.0.1", port=box.port, security="none", sender="releasd@example.org", recipients=(TO, "b@example.org")
    )
    return replace(plain, **changes)


def send(to: MailServer, timeout: float = 60.0) -> dict[str, object]:
    return dict(Mailers({"team": to}, timeout=timeout).send("team", TO, NEWS, key=f"demo-1.1.0-team-{TO}"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for loopback."""
    return certificate(tmp_path_factory.mktemp("tls"))


def test_a_message_arrives() -> None:
    """Notes with umlauts and lone dots arrive as they were; a robot's message says that it is one."""
    with mail_server() as box:
        evidence = send(server(box))
    (message,) = box.messages
    assert box.envelopes == [("releasd@example.org", (TO,))]
    assert (message["From"], message["To"], message["Subject"]) == ("releasd@example.org", TO, "demo 1.1.0 is released")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == evidence["message_id"] == "<demo-1.1.0-team-a-example.org@example.org>"
    text = message.get_content().replace("\r\n", "\n")
    assert NEWS.notes.strip() in text
    assert f"{'a' * 64}  demo-1.1.0.tar.gz" in text


def test_a_repetition_is_the_same_to_the_letter() -> None:
    """Whoever gets it twice sees that it is one message."""
    made = [compose("releasd@example.org", TO, NEWS, "k").as_bytes() for _ in range(2)]
    assert made[0] == made[1]


def test_starttls_and_login(tls: Path) -> None:
    """The password goes over an encrypted connection to a server that shows a trusted certificate."""
    with mail_server(tls, login=True) as box:
        send(server(box, security="starttls", user=USER, secret=lambda: Secret(PASSWORD), ca=str(tls / "cert.pem")))
    assert len(box.messages) == 1
    assert box.users == [USER.encode()]


def test_implicit_tls_and_login(tls: Path) -> None:
    """Encrypted from the first byte."""
    with mail_server(tls, implicit=True, login=True) as box:
        send(server(box, security="tls", user=USER, secret=lambda: Secret(PASSWORD), ca=str(tls / "cert.pem")))
    assert (len(box.messages), box.users) == (1, [USER.encode()])


def test_a_wrong_password_is_denied_and_not_shown(tls: Path) -> None:
    """A person has to mend it; the message holds neither it nor its encoding."""
    wrong = "another-password-987"
    with mail_server(tls, login=True) as box, pytest.raises(Denied) as caught:
        send(server(box, security="starttls", user=USER, secret=lambda: Secret(wrong), ca=str(tls / "cert.pem")))
    assert "refused the login (535)" in caught.value.message
    assert wrong not in caught.value.message + caught.value.advice
    assert box.messages == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for(tls: Path, security: str) -> None:
    """Nothing is sent to somebody who only says that it is the mail server."""
    with mail_server(tls, implicit=security == "tls") as box, pytest.raises(Permanent, match="no certificate to trust"):
        send(server(box, security=security))
    assert box.messages == []


def test_a_server_without_starttls_gets_nothing() -> None:
    """Where encryption was asked for, clear text is not the second best."""
    with mail_server() as box, pytest.raises(Permanent, match="STARTTLS"):
        send(server(box, security="starttls"))
    assert box.messages == []


@pytest.mark.parametrize(
    ("command", "reply", "error"),
    [
        ("RCPT", "550 5.1.1 no such user", Permanent), ("RCPT", "450 4.2.0 greylisted", Transient),
        ("DATA", "554 5.7.1 looks like spam", Permanent), ("DATA", "451 4.3.0 later", Transient),
        ("DATA", "421 4.3.2 going down", Transient),
    ],
)  # fmt: skip
def test_refusals_are_told_by_cause(command: str, reply: str, error: type[ReleasdError]) -> None:
    """SMTP's own classes: 4xx passes, 5xx does not; the server's words are shown."""
    with mail_server() as box:
        box.replies[command] = reply
        with pytest.raises(ReleasdError) as caught:
            send(server(box))
    assert type(caught.value) is error
    assert reply.partition(" ")[2] in caught.value.message
    assert caught.value.advice


def test_a_server_that_is_down() -> None:
    """It is tried again later."""
    with pytest.raises(Transient, match="mail server team could not be reached"):
        send(server(MailBox(port=own_port())))


def test_a_server_that_hangs() -> None:
    """It takes the connection and says nothing: nobody waits for it for ever."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Transient, match="could not be reached"):
        send(server(MailBox(port=deaf.getsockname()[1])), timeout=0.3)


def test_who_is_written_to() -> None:
    """By name; another name is a mistake in the configuration."""
    mailers = Mailers({"team": server(MailBox())})
    assert mailers.recipients("team") == (TO, "b@example.org")
    with pytest.raises(ConfigError) as caught:
        mailers.recipients("other")
    assert "[mail.other]" in caught.value.advice
