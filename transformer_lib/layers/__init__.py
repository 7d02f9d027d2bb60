"""The parts a model is made of, from masks to encoder and decoder: torch, and nothing else."""
