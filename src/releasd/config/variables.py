"""What a `RELEASD_SECTION__KEY` variable says. Imported where there is one: pydantic-settings takes 0.05 s."""

from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from releasd.config.sections import Settings


class _Named(BaseSettings, Settings):
    """The settings, with how variables name them."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix="RELEASD_", env_nested_delimiter="__"
    )


class _Environment(EnvSettingsSource):
    """The variables handed in, instead of those of this process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(_Named)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


def read_variable(name: str, value: str) -> dict[str, Any]:
    """Return what one variable says, as a table. Raises ValueError where it should be JSON and is not."""
    return _Environment({name: value})()
