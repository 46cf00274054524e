"""The repository's URL, as semantic-release 24 finds it before it asks git: `repositoryUrl`, else package.json's.

Both may be a shortcut of npm's (`owner/repo`, `gitlab:group/repo`), which becomes the address it stands for.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from releasd.core.semrelconfig.documents import PACKAGE
from releasd.core.semrelconfig.taking import Findings, text

_SHORTCUT = re.compile(r"(?:(?P<forge>github|gitlab|bitbucket):)?(?P<path>[^\s@:/#]+(?:/[^\s@:/#]+)+)(?P<rest>#\S*)?")
_HOSTS: Mapping[str | None, str] = {
    None: "github.com",
    "github": "github.com",
    "gitlab": "gitlab.com",
    "bitbucket": "bitbucket.org",
}


def repository_url(options: Mapping[str, Any], files: Mapping[str, str], findings: Findings) -> str | None:
    """Return the URL that the configuration or package.json gives, None where git has to be asked."""
    written = options.get("repositoryUrl")
    if written is not None and text(written) is None:
        findings.wrong("repositoryUrl: a text")
    url = text(written) or _in_package(files)
    return None if url is None else _expanded(url)


def _in_package(files: Mapping[str, str]) -> str | None:
    try:
        document = json.loads(files.get(PACKAGE, "{}"))
    except ValueError:  # who needs package.json for more says what is wrong with it
        return None
    told = document.get("repository") if isinstance(document, dict) else None
    return text(told.get("url") if isinstance(told, dict) else told)


def _expanded(url: str) -> str:
    """Return the address of a shortcut, and everything else as it is."""
    found = _SHORTCUT.fullmatch(url)
    forge = found["forge"] if found else None
    if found is None or url.startswith((".", "~")) or (found["path"].count("/") > 1 and forge != "gitlab"):
        return url
    return f"https://{_HOSTS[forge]}/{found['path'].removesuffix('.git')}.git{found['rest'] or ''}"
