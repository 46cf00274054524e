"""The files that an operator needs on disk: hooks, service files, the commented configuration."""

from importlib.resources import files
from pathlib import Path

from releasd.errors import Permanent


def read_share(path: str) -> str:
    """Return the text of a packaged file, such as "hooks/post-receive" or "config/releasd.toml".

    An installed wheel carries them as `releasd/share/…` (pyproject.toml, force-include); in a checkout they lie at
    its top.

    Raises:
        Permanent: neither place has the file.
    """
    package = files("releasd")
    packaged = package.joinpath("share", path)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    in_checkout = Path(str(package)).parents[1] / path
    try:
        return in_checkout.read_text(encoding="utf-8")
    except OSError as error:
        raise Permanent(
            f"{path}: not part of this installation", advice="pip install --force-reinstall releasd"
        ) from error
