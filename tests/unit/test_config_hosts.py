"""What the configuration says of hosts."""

import pytest

from releasd.config import host_specs
from support.settings import problems, settings


def test_ssh_settings_without_an_address_are_refused() -> None:
    """A forgotten address must not turn a remote host into the daemon's own machine."""
    assert "port without address" in problems(hosts={"h": {"port": 22}})["hosts.h"]


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "a@-b", "user@", "a b", "ssh://x", "h:22", "h/path"])
def test_an_address_that_ssh_could_take_for_something_else_is_refused(address: str) -> None:
    """No address begins with a dash, and a port has its own key."""
    assert problems(hosts={"h": {"address": address}})["hosts.h.address"].startswith("not an address; write machine")


@pytest.mark.parametrize("address", ["mini", "build@mini.example.org", "10.0.0.7", "fe80::1", "build@::1"])
def test_an_address_that_ssh_takes_is_taken(address: str) -> None:
    """Names, aliases and both kinds of internet address pass."""
    assert settings(hosts={"h": {"address": address}}).hosts["h"].address == address


@pytest.mark.parametrize("folder", ["builds", "./builds", "~other/builds", "", "~"])
def test_a_relative_folder_on_a_host_is_refused(folder: str) -> None:
    """There is no current folder on a host for it to be below: builds would be made in the root folder."""
    assert "begin it with / or ~/" in problems(hosts={"h": {"workdir": folder}})["hosts.h.workdir"]


@pytest.mark.parametrize("folder", ["/var/cache/releasd/builds", "~/builds"])
def test_a_folder_on_a_host_is_taken_as_written(folder: str) -> None:
    """The home is that of the user there, whom this machine may not know."""
    assert settings(hosts={"h": {"workdir": folder}}).hosts["h"].workdir == folder


def test_a_host_becomes_a_spec() -> None:
    """User and machine are taken apart, and every key arrives."""
    written = {"address": "build@mini", "port": 2222, "labels": ["macos"], "slots": 2, "identity": "/k", "path": "/bin"}
    (spec,) = host_specs(
        settings(hosts={"mini": {**written, "env": {"A": "1"}, "known_hosts": "/kh", "workdir": "/w"}})
    )
    assert (spec.user, spec.address, spec.port) == ("build", "mini", 2222)
    assert (spec.identity, spec.known_hosts, spec.path, spec.workdir) == ("/k", "/kh", "/bin", "/w")
    assert (spec.labels, spec.slots, spec.env) == (frozenset({"macos"}), 2, {"A": "1"})


def test_a_host_without_an_address_is_this_machine() -> None:
    """The kind of a host follows from its address alone."""
    (spec,) = host_specs(settings(hosts={"here": {"labels": ["linux"]}}))
    assert (spec.address, spec.user) == (None, None)
