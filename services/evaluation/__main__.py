"""`python -m evaluation`."""

from evaluation.cli import app

app()
