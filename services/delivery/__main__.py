"""`python -m delivery`."""

from delivery.cli import app

app()
