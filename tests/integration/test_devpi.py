"""The throw-away index of the demonstration starts, stops, and says why it does not."""

import stat
import sys
from pathlib import Path

import psutil
import pytest

from releasd.adapters import http
from releasd.adapters.devpi import devpi_index
from releasd.errors import Permanent, Transient, UsageError


def test_index_is_gone_at_the_end(tmp_path: Path) -> None:
    """While it runs it answers; afterwards nobody does and no process is left. Its token shows nowhere."""
    with devpi_index(tmp_path / "index") as index:
        assert http.request("GET", index.simple_url, what="devpi", timeout=5).status == 200
        assert index.token.reveal() not in repr(index)
        mine = [
            process
            for process in psutil.Process().children(recursive=True)
            if str(tmp_path) in " ".join(process.cmdline())
        ]
        assert mine
        assert all(index.token.reveal() not in " ".join(process.cmdline()) for process in mine)
    with pytest.raises(Transient):
        http.request("GET", index.simple_url, what="devpi", timeout=5)
    assert not any(process.is_running() for process in mine)
    assert stat.S_IMODE((tmp_path / "index/secret").stat().st_mode) == 0o600


def test_missing_devpi_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional extra the demonstration names it."""
    monkeypatch.setitem(sys.modules, "devpi_server", None)
    with pytest.raises(UsageError) as caught, devpi_index(tmp_path / "index"):
        pass
    assert "releasd[demo]" in caught.value.advice


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The server's own words are in the error."""
    (tmp_path / "server").write_text("in the way")
    with pytest.raises(Permanent, match=r"does not start: .*(exist|directory)"), devpi_index(tmp_path):
        pass
