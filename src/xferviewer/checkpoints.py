"""The checkpoint folder and its card, without torch."""
