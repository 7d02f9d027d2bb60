"""One loop for every model, and what stands beside it: rates, losses, checkpoints, history."""
