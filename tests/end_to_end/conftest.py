"""The whole product, on real parts."""

from support.stage import make_stage, stage

__all__ = ["make_stage", "stage"]
