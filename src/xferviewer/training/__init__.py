"""Training: data, the loop, and fine-tuning as a job."""
