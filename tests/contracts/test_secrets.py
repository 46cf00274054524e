"""What every place for secrets must do: give the value byte for byte, and fail without showing anything."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from releasd.adapters.secrets import SecretSource, SecretStore, Surroundings, resolve
from releasd.errors import (
    ConfigError,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretMissing,
    Transient,
)
from releasd.ports import Secret
from support.httpstub import Asked, Reply, Stub, http_stub

VALUE = "pypi-AgEIcHlwaS5vcmc_-/+=ü"
SERVICE_TOKEN = "dp.st.prd.0123456789abcdef"
SCHEMES = ["env", "file", "cred", "doppler", "keyring", "cmd", "argv"]
PLAIN_FILE_KEYRING = "keyrings.alt.file.PlaintextKeyring"  # a real back end that needs no desktop


@dataclass
class Place:
    """One kind of place: `source` finds what `put` stored there, `put(None)` takes it away."""

    kind: str
    folder: Path
    source: SecretSource
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    doppler: Stub | None = None
    stored: str | None = None

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(environ=self.environ, doppler_api=self.doppler.url if self.doppler else None, timeout=60)

    def put(self, value: str | None) -> None:
        self.stored = value
        file = self.folder / "token"
        if self.kind == "keyring":
            self.put_into_keyring(value)
            return
        if value is None:
            self.environ.pop("TOKEN", None)
            file.unlink(missing_ok=True)
            return
        self.environ["TOKEN"] = value
        file.write_bytes(value.encode() if self.kind in {"env", "doppler"} else f"{value}\n".encode())
        file.chmod(0o600)

    def put_into_keyring(self, value: str | None) -> None:
        if value is None:
            shutil.rmtree(self.folder / "keyrings", ignore_errors=True)
            return
        code = "import keyring, sys; keyring.set_password('https://index/legacy/', '__token__', sys.stdin.read())"
        subprocess.run([sys.executable, "-c", code], env=self.environ, input=value.encode(), check=True, timeout=30)


@pytest.fixture(params=SCHEMES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return each kind of place, with `VALUE` stored in it."""
    cat = (sys.executable, "-c", "import sys; sys.stdout.write(open(sys.argv[1]).read())", str(tmp_path / "token"))
    sources = {
        "env": SecretSource(ref="env:TOKEN"),
        "file": SecretSource(ref=f"file:{tmp_path}/token"),
        "cred": SecretSource(ref="cred:token"),
        "doppler": SecretSource(ref="doppler:shop/prd/TOKEN", token="env:DOPPLER"),
        "keyring": SecretSource(ref="keyring:https://index/legacy//__token__"),
        "cmd": SecretSource(ref=f"cmd:{shlex.join(cat)}"),
        "argv": SecretSource(ref=cat),
    }
    place = Place(request.param, tmp_path, sources[request.param])
    place.environ |= {"PYTHON_KEYRING_BACKEND": PLAIN_FILE_KEYRING, "XDG_DATA_HOME": str(tmp_path / "keyrings")}
    place.environ |= {"CREDENTIALS_DIRECTORY": str(tmp_path), "DOPPLER": SERVICE_TOKEN}
    with http_stub(lambda asked: _doppler(asked, place)) as stub:
        place.doppler = stub
        place.put(VALUE)
        yield place


def _doppler(asked: Asked, place: Place) -> Reply:
    if asked.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
        return Reply(401, b'{"success":false,"messages":["Invalid Auth token"]}')
    if place.stored is None:
        return Reply(404, b'{"success":false,"messages":["Could not find requested secret: TOKEN"]}')
    value = {"raw": "${OTHER}", "computed": place.stored, "note": ""}
    return Reply(200, json.dumps({"name": "TOKEN", "value": value}).encode())


def test_value_comes_byte_for_byte(place: Place) -> None:
    """The value is the secret itself: no newline, no log line, nothing lost in encoding."""
    assert resolve(place.source, place.surroundings).reveal() == VALUE


def test_value_does_not_show_itself(place: Place) -> None:
    """Printing or formatting a secret by mistake shows nothing."""
    secret = resolve(place.source, place.surroundings)
    assert VALUE not in f"{secret} {secret!r} {[secret]}"


def test_rotated_value_is_used_at_once(place: Place) -> None:
    """Nothing is kept between two uses: a token rotated now is the token used next."""
    store = SecretStore({"pypi": place.source}, place.surroundings)
    assert store.get("pypi").reveal() == VALUE
    place.put("pypi-rotated")
    assert store.get("pypi").reveal() == "pypi-rotated"


def test_missing_value_says_how_to_store_it(place: Place) -> None:
    """A secret that is not there is an error with the command or edit that puts it there."""
    place.put(None)
    denied = SecretDenied if place.kind in {"cmd", "argv"} else SecretMissing  # a command says no more than its status
    with pytest.raises(denied) as caught:
        resolve(place.source, place.surroundings)
    assert caught.value.advice


def test_storing_another_value_names_the_place(place: Place) -> None:
    """After a token was rotated on the index, each place says how the new one gets in, and shows no value."""
    advice = SecretStore({"pypi": place.source}, place.surroundings).storing("pypi")
    expected = {
        "env": "Set TOKEN",
        "file": f"(umask 077; cat >{place.folder}/token)",
        "cred": "LoadCredential=token",
        "doppler": "doppler secrets set TOKEN --project shop --config prd",
        "keyring": "keyring set https://index/legacy/ __token__",
    }
    assert expected.get(place.kind, "where the secret's command reads it") in advice
    assert VALUE not in advice


@pytest.mark.parametrize("empty", ["", " ", "\n\n"])
def test_empty_value_is_no_value(place: Place, empty: str) -> None:
    """An empty secret is reported here, not by whoever is sent it."""
    place.put(empty)
    with pytest.raises(SecretMalformed, match="is empty"):
        resolve(place.source, place.surroundings)


def test_inner_newlines_stay(place: Place) -> None:
    """Only one newline at the end is the printing program's; a key of many lines stays whole."""
    place.put("line one\nline two\n")
    expected = "line one\nline two\n"
    assert resolve(place.source, place.surroundings).reveal() == expected


def test_unknown_name_says_what_to_add() -> None:
    """A name without an entry is an error that names the entry."""
    with pytest.raises(SecretError) as caught:
        SecretStore({}, Surroundings(environ={})).get("pypi")
    assert "[secrets.pypi]" in caught.value.advice


@pytest.mark.parametrize("ref", ["pypi-PASTED_TOKEN", "vault:kv/pypi", "env:", "", "pypi-PASTED:TOKEN"])
def test_reference_without_a_known_scheme_lists_the_known_ones(ref: str) -> None:
    """A token pasted where a reference belongs is refused, and not repeated in the message."""
    with pytest.raises(ConfigError) as caught:
        resolve(SecretSource(ref=ref), Surroundings(environ={}))
    assert "cred:NAME" in caught.value.message
    assert "PASTED" not in caught.value.message + caught.value.advice


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """Any bit for group or others is one too many; the advice is the command that takes it away."""
    path = tmp_path / "token"
    path.write_text(VALUE)
    path.chmod(mode)
    with pytest.raises(SecretError, match="is open to others") as caught:
        resolve(SecretSource(ref=f"file:{path}"), Surroundings(environ={}))
    assert caught.value.advice == f"chmod 600 {path}"


def test_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    """A private-looking link to a public file is still a public file; to a private one it is fine."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text(VALUE)
    link.symlink_to(target)
    target.chmod(0o644)
    with pytest.raises(SecretError, match="is open to others"):
        resolve(SecretSource(ref=f"file:{link}"), Surroundings(environ={}))
    target.chmod(0o600)
    assert resolve(SecretSource(ref=f"file:{link}"), Surroundings(environ={})).reveal() == VALUE


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns a file can change its mode and its contents at any time."""
    path = tmp_path / "token"
    path.write_text(VALUE)
    path.chmod(0o600)
    os.chown(path, 12345, -1)
    with pytest.raises(SecretError, match="belongs to user 12345"):
        resolve(SecretSource(ref=f"file:{path}"), Surroundings(environ={}))


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """A FIFO would hold the daemon until somebody writes into it."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(SecretError, match="is not a regular file"):
            resolve(SecretSource(ref=f"file:{path}"), Surroundings(environ={}))


def test_relative_path_is_refused() -> None:
    """What a relative path means depends on where the daemon was started."""
    with pytest.raises(ConfigError, match="not an absolute path"):
        resolve(SecretSource(ref="file:token"), Surroundings(environ={}))


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are not shown, and not sent."""
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(SecretError, match="is not text"):
        resolve(SecretSource(ref=f"file:{path}"), Surroundings(environ={}))


@pytest.mark.parametrize("name", ["../token", "a/b", "..", ".", "/etc/passwd", ".hidden", "a b"])
def test_credential_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    """A credential is a plain name in systemd's folder."""
    (tmp_path / "creds").mkdir()
    (tmp_path / "token").write_text(VALUE)
    with pytest.raises(ConfigError, match="no name of a credential"):
        resolve(SecretSource(ref=f"cred:{name}"), Surroundings(environ={"CREDENTIALS_DIRECTORY": f"{tmp_path}/creds"}))


def test_credential_link_is_refused(tmp_path: Path) -> None:
    """Systemd puts no links there; whoever did is not believed."""
    (tmp_path / "real").write_text(VALUE)
    (tmp_path / "token").symlink_to(tmp_path / "real")
    with pytest.raises(SecretError, match="cannot be read"):
        resolve(SecretSource(ref="cred:token"), Surroundings(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}))


def test_credential_without_systemd_says_so() -> None:
    """Started by hand there are no credentials: the message says what would bring them."""
    with pytest.raises(SecretError, match="only under systemd") as caught:
        resolve(SecretSource(ref="cred:token"), Surroundings(environ={}))
    assert "LoadCredential=token" in caught.value.advice


def _command(code: str, *, env: tuple[str, ...] = (), timeout: float = 60.0, **environ: str) -> Secret:
    surroundings = Surroundings(environ={"PATH": os.environ["PATH"], **environ}, timeout=timeout)
    return resolve(SecretSource(ref=(sys.executable, "-c", code), env=env), surroundings)


def test_failing_command_shows_nothing_of_what_it_said(capfd: pytest.CaptureFixture[str]) -> None:
    """Such programs put secrets on standard error: it reaches neither the error nor our own output."""
    with pytest.raises(SecretError, match="ended with 3") as caught:
        _command(f"import sys; print('{VALUE}'); print('{VALUE}', file=sys.stderr); sys.exit(3)")
    assert VALUE not in caught.value.message + caught.value.advice
    assert capfd.readouterr() == ("", "")


def test_command_sees_only_the_variables_named_for_it() -> None:
    """The daemon's environment holds other secrets; a command gets PATH, HOME and what the operator names."""
    code = "import os; print(sorted(k for k in os.environ if k not in ('LC_CTYPE', '__CF_USER_TEXT_ENCODING')))"
    shown = _command(code, env=("OP_TOKEN", "NOT_SET"), OP_TOKEN="x", OTHER="y", HOME="/").reveal()
    assert shown == "['HOME', 'OP_TOKEN', 'PATH']"


def test_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """A command waiting for a password is ended in time, and so is what it started."""
    ref = ("sh", "-c", 'sleep 60 & echo $! > "$1"; wait', "sh", str(tmp_path / "pid"))
    with pytest.raises(Transient, match="did not end within"):
        resolve(SecretSource(ref=ref), Surroundings(environ={"PATH": os.environ["PATH"]}, timeout=2.0))
    child = int((tmp_path / "pid").read_text())
    assert _ends(child)


def test_command_that_prints_without_end_is_ended() -> None:
    """A wrong command (`yes`, or a whole log) neither fills the memory nor takes all of its time."""
    begun = time.monotonic()
    with pytest.raises(SecretError, match="printed over"):
        _command("while True: print('x' * 10_000)", timeout=120.0)
    assert time.monotonic() - begun < 90


def _ends(pid: int) -> bool:
    for _ in range(1200):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # dead, and its new parent has not looked yet
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_command_gets_no_shell(tmp_path: Path) -> None:
    """Words are words: what a shell would act on is passed on as it stands."""
    marker = tmp_path / "marker"
    ref = f"cmd:{shlex.quote(sys.executable)} -c 'import sys; print(sys.argv[1:])' ; touch {marker} $HOME '*'"
    value = resolve(SecretSource(ref=ref), Surroundings(environ={"PATH": os.environ["PATH"]})).reveal()
    assert value == str([";", "touch", str(marker), "$HOME", "*"])
    assert not marker.exists()


def test_command_that_is_not_there_says_so() -> None:
    """A missing program is named, its arguments are not."""
    with pytest.raises(SecretError, match="no-such-program-here cannot be run") as caught:
        resolve(SecretSource(ref="cmd:no-such-program-here hidden-word"), Surroundings(environ={"PATH": ""}))
    assert "hidden-word" not in caught.value.message + caught.value.advice


@pytest.mark.parametrize("ref", ["cmd:'open quote", "cmd: ", ()])
def test_command_that_is_no_command_is_a_configuration_error(ref: str | tuple[str, ...]) -> None:
    """Quotes that do not end and commands without words are found before anything runs."""
    with pytest.raises(ConfigError):
        resolve(SecretSource(ref=ref), Surroundings(environ={}))
