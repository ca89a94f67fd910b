"""Evaluation of retrieval, apart from answers: collections in BEIR layout, measures, one table."""
