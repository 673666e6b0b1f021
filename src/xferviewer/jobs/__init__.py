"""Jobs: their specification and their folder, which is all that the window and the training process share."""
