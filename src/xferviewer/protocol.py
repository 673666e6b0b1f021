"""The messages between the window and the engine process."""
