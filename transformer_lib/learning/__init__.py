"""From a file of the reader's to whatever answers best: read, split, baseline, model, verdict."""
