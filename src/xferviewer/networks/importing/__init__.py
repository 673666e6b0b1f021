"""Checkpoints of other programs: their files, their layouts, the architecture that they fit."""
