"""Starts the worker (`python -m ingestion`) or one sync (`python -m ingestion sync`)."""

from ingestion.cli import app

app()
