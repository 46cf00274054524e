"""The PyPI-rules server itself, for tests elsewhere rest on what it says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from releasd.adapters import http
from releasd.adapters.index import HttpIndex
from releasd.errors import Transient
from releasd.ports import Secret
from support.pypirules import PypiRules
from support.wheels import make_wheel, sha256

TESTS = Path(__file__).resolve().parents[1]


@contextmanager
def _process(folder: Path) -> Iterator[dict[str, str]]:
    argv = [sys.executable, "-m", "support.pypirules", "--folder", str(folder), "--token", "pypi-t"]
    process = subprocess.Popen(argv, cwd=TESTS, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _index(urls: dict[str, str]) -> HttpIndex:
    return HttpIndex(
        name="x", publish_url=urls["publish_url"], simple_url=urls["simple_url"], token=lambda: Secret("pypi-t")
    )


def _stats(urls: dict[str, str]) -> Any:
    return json.loads(http.request("GET", f"{urls['url']}/_stats", what="stats", timeout=60).body)


def test_process_keeps_its_files_over_a_restart(tmp_path: Path) -> None:
    """An index that is stopped and started lists what it took, and counts a repetition without storing it twice."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    with _process(tmp_path / "index") as urls:
        _index(urls).upload([wheel], lambda _: None)
    with _process(tmp_path / "index") as urls:
        assert [file.sha256 for file in _index(urls).files("demo", "1.0")] == [sha256(wheel)]
        assert _stats(urls)[wheel.name]["stored"] == 1


def test_faults_can_be_ordered_from_another_process(tmp_path: Path) -> None:
    """A fault ordered over HTTP hits the next upload and only that one."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    with _process(tmp_path / "index") as urls:
        order = json.dumps({"kind": "status", "status": 503}).encode()
        http.request("POST", f"{urls['url']}/_faults", what="faults", body=order, timeout=60)
        with pytest.raises(Transient):
            _index(urls).upload([wheel], lambda _: None)
        assert _stats(urls) == {}
        _index(urls).upload([wheel], lambda _: None)
        assert _stats(urls)[wheel.name]["accepted"] == 1


def test_wrong_digest_is_refused(tmp_path: Path) -> None:
    """An upload whose declared digest is not that of its bytes is never stored."""
    with PypiRules(tmp_path, token="pypi-t") as rules:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="sha256_digest"\r\n\r\n00\r\n'
            b'--b\r\nContent-Disposition: form-data; name="content"; filename="demo-1.0.tar.gz"\r\n\r\nx\r\n--b--\r\n'
        )
        headers = {"content-type": "multipart/form-data; boundary=b", "authorization": "Basic X190b2tlbl9fOnB5cGktdA=="}
        answer = http.request("POST", rules.publish_url, what="x", headers=headers, body=body, timeout=60)
        assert answer.status == 400
        assert b"digest supplied does not match" in answer.body
        assert rules.files == {}
