"""Forges: one dialect for each kind of API, over the shared `calls`."""

from collections.abc import Callable

from releasd.adapters.forges.calls import Calls
from releasd.adapters.forges.gitea import Gitea
from releasd.adapters.forges.github import GitHub
from releasd.adapters.forges.gitlab import GitLab
from releasd.errors import ConfigError
from releasd.ports import Forge, Secret

__all__ = ["forge_of"]

_KINDS: dict[str, Callable[[Calls, str], Forge]] = {
    "gitea": Gitea,
    "forgejo": Gitea,  # the same interface, by promise of both
    "gitlab": GitLab,
    "github": GitHub,
}


def forge_of(
    *, name: str, kind: str, url: str, repository: str, token: Callable[[], Secret], timeout: float = 30.0
) -> Forge:
    """Return the adapter of one forge.

    Args:
        name: what the operator calls it.
        kind: "gitea", "forgejo", "gitlab" or "github".
        url: the API's base address, such as `https://forge.example.org/api/v1`.
        repository: `owner/name` there.
        token: fetches the access token, at each use.
        timeout: seconds for one request; an upload has ten times as long.
    """
    if kind not in _KINDS:
        raise ConfigError(f"no forge is of the kind {kind}", advice=f"Known are {', '.join(sorted(_KINDS))}.")
    return _KINDS[kind](Calls(name=name, kind=kind, url=url.rstrip("/"), token=token, timeout=timeout), repository)
