-- What a source said of a file (time of change and size, or an ETag) when the file was last brought in step with it:
-- equal means that its bytes need not be read. NULL while a change is on its way, so that one broken off is finished.
ALTER TABLE files ADD COLUMN source_version text;
