"""Embeddings, reranking and extractive answers on CPU: the offline default."""

import os

# numpy's products here are small: its own threads would only wait for each other, and keep cores from the model.
# Must be said before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
