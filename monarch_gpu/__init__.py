"""Torch, Triton and CuPy implementations, and the M2-BERT, M2-ViT and M2-GPT models."""
