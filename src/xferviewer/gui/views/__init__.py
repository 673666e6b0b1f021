"""The panels of the window. They share the session and do not know each other."""
