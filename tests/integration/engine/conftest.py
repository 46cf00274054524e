"""The engine on a real store and real git."""

from support.lab import lab

__all__ = ["lab"]
