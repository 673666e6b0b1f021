"""The window. The only room that knows Qt; it knows no torch."""
