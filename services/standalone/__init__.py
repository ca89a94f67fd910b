"""Runs the whole platform on one machine: a real Postgres, MLflow and every service, started and ended together."""
