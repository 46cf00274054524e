"""Every figure of DESIGN.md's table "What it must be like to use", measured; see README.md."""

import sys
from pathlib import Path

# The stage of the end-to-end tests serves here as well: a repository, an index and a daemon, all real.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
