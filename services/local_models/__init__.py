"""Embeddings, reranking and extractive answers on CPU: the offline default."""
