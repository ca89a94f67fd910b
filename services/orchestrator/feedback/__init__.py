"""Feedback: what people say of answers, kept in Postgres and forwarded to the trace store."""
