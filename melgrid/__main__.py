"""``python -m melgrid``."""

from melgrid.cli import main

main()
