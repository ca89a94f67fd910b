"""Proofs of the platform on a real cluster: `make e2e`, each with its figures, written to docs/proofs.md."""
