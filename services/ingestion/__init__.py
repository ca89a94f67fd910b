"""The worker that turns documents into passages: sources, extraction, chunking, embedding, and the job queue."""
