"""The fast path on a CPU: strided products, the stages built of them, and the memory of large results."""
