"""Data for the chapters: real sets that ship inside packages, and larger ones on request.

Nothing here knows a model. Batches are a function of the step, so that a training run that was
interrupted continues with exactly the batch that it had not seen yet.
"""
