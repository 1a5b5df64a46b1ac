"""`python -m neurodyn.cli`."""

from . import main

main()
