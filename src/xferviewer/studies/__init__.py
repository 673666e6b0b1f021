"""Studies: images with units, the catalogue, labels, and the synthetic cohort."""
