"""A cluster of one's own: kind, Argo CD, a Git server inside, and the platform from this checkout."""
