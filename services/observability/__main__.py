"""Runs the trace buffer (`python -m observability buffer`) or counts spans at every hop (`… reconcile`)."""

from observability.cli import app

app()
