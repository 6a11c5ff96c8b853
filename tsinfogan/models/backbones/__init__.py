"""Backbones: one generator and one trunk a file. A new file here is a new backbone."""
