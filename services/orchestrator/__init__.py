"""The API that people and programs ask, the pipeline that answers, and the chat page."""
