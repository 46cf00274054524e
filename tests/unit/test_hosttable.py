"""A host's entry comes and goes; every other byte of the operator's file stays."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.hosttable import with_host, without_host
from releasd.errors import ConfigError

ENTRY = {"address": "build@far", "port": 2222, "labels": ["linux", "x86_64"], "slots": 2}
FILES = {
    "empty": "",
    "no hosts": "# mine\n[daemon]\nworkers = 2  # few\n",
    "no newline at the end": "[hosts.a]\nslots = 1",
    "hosts first": "[hosts.a]\nslots = 1\n\n# about b\n[hosts.b]\n# about nothing\n\n# --- projects\n[projects]\n",
    "hosts apart": "[hosts.a]\nslots = 1\n[daemon]\nworkers = 1\n[hosts.b]\nslots = 2\n# end\n",
    "subtables": "[hosts.a]\nslots = 1\n[hosts.a.env]\nCC = 'clang'\n\n[daemon]\n",
    "texts like headers": "[p]\nr = '''\n[hosts.x]\n'''\n[hosts.a]\nlabels = [\n  'x',\n  # one\n  'y',\n]\n# z\n",
    "carriage returns": "[hosts.a]\r\nslots = 1\r\n\r\n# next\r\n[daemon]\r\n",
    "quoted": "[hosts.'a.b']\nslots = 1\n",
    "blanks inside": " [ hosts . a ]  # odd\n slots = 1\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_an_entry_is_added_and_nothing_else_changes(text: str) -> None:
    """The old file is the new one without one stretch of lines; what it says is the old and the entry."""
    made = with_host(text, "far", ENTRY)
    found, before = tomllib.loads(made), tomllib.loads(text)
    assert found["hosts"].pop("far") == ENTRY
    assert found["hosts"] == before.get("hosts", {"local": {}})
    assert {key: value for key, value in found.items() if key != "hosts"} == {
        key: value for key, value in before.items() if key != "hosts"
    }
    start = next((n for n, (old, new) in enumerate(zip(text, made, strict=False)) if old != new), len(text))
    tail = len(text) - start
    assert made[:start] + made[len(made) - tail :] == text


@pytest.mark.parametrize("text", [text for text in FILES.values() if text.endswith("\n") and "[hosts" in text])
def test_adding_and_removing_is_doing_nothing(text: str) -> None:
    """Byte for byte."""
    assert without_host(with_host(text, "far", ENTRY), "far") == text


def test_the_entry_stands_with_the_other_hosts() -> None:
    """Behind the last host, before what comments on the next section."""
    made = with_host(FILES["hosts first"], "far", ENTRY)
    order = [made.index(part) for part in ("[hosts.b]", "[hosts.far]", "# about nothing", "# --- projects")]
    assert order == sorted(order)


def test_the_first_host_does_not_take_this_machine_away() -> None:
    """Where no host is written this machine builds; with one it only would if it were written too."""
    assert tomllib.loads(with_host("", "far", ENTRY))["hosts"] == {"local": {}, "far": ENTRY}


def test_a_removed_host_takes_its_tables_and_leaves_comments() -> None:
    """Its subtables go; the remark on the next section stays."""
    assert without_host(FILES["subtables"], "a") == "\n[daemon]\n"
    assert without_host(FILES["hosts apart"], "b").endswith("workers = 1\n# end\n")


def test_a_layout_that_cannot_be_changed_is_left_to_its_owner() -> None:
    """The lines to add by hand are in the advice."""
    text = "hosts = { a = { slots = 1 } }\n"
    with pytest.raises(ConfigError, match=r"\[hosts.far\] cannot be added") as caught:
        with_host(text, "far", ENTRY)
    assert 'address = "build@far"' in caught.value.advice
    with pytest.raises(ConfigError, match="cannot be removed"):
        without_host(text, "a")


@given(st.text(min_size=1), st.lists(st.text()))
def test_any_name_and_value_is_written_as_toml_reads_it(name: str, labels: list[str]) -> None:
    """Quotes, backslashes, control characters and any script."""
    name = name.encode(errors="replace").decode()
    labels = [label.encode(errors="replace").decode() for label in labels]
    made = with_host("[hosts.a]\n", name if name != "a" else "b", {"labels": labels})
    assert labels in [host.get("labels") for host in tomllib.loads(made)["hosts"].values()]
