"""The answer pipeline: from a question to a cited answer, one small step after the other."""
