"""`python -m releasd.cli`, for places without the console script."""

from releasd.cli import main

main()
