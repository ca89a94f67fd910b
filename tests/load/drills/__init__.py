"""Provokes alerts against a running platform and its Prometheus: `make drill-NAME`."""
