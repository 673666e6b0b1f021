"""The engine: device, inference, saliency and the process that serves them."""
