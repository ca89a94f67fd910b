"""Entry point of `python -m vector_store`."""

from vector_store.cli import app

if __name__ == "__main__":
    app(prog_name="python -m vector_store")
