"""Proofs about torch modules: which inputs their outputs may depend on, from the graph alone."""

from monarch_gpu.dependence.proof import FIXED, Entry, Proof, certify, certify_causal, prove, prove_causal

__all__ = ["FIXED", "Entry", "Proof", "certify", "certify_causal", "prove", "prove_causal"]
