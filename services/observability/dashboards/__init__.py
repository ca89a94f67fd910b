"""Grafana dashboards as code: one module each; `make generate` writes their JSON below `charts/`."""
