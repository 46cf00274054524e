"""Ports of this machine that no other test takes meanwhile, in this process or in another worker's."""

import random
import socket

# Below those that Linux gives to who asks for any (ip_local_port_range): there every connection takes one for a while,
# and a server that is stopped and started again may find its own taken.
_RANGE = range(20_000, 32_768)
_claims: list[socket.socket] = []


def own_port() -> int:
    """Return a loopback port on which nothing listens, and on which nothing but this test's own ever will."""
    for port in random.sample(_RANGE, len(_RANGE)):
        if _claim(port) and _is_free(port):
            return port
    raise RuntimeError(f"no port is free from {_RANGE.start} to {_RANGE.stop}")


def _claim(port: int) -> bool:
    """Return whether nobody else has this port for a test; the kernel drops the claim when the process ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0releasd-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: what only just ended is no matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
