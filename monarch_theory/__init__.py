"""The reference: Monarch matrices as polynomial evaluation and interpolation, causality, expressivity."""
