"""Starts the orchestrator: `python -m orchestrator`."""

from orchestrator.main import main

main()
