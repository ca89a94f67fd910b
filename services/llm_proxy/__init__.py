"""The LLM pool: OpenAI-compatible in, many endpoints out."""
