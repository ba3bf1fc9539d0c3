"""What happened to the segments afterwards: outcomes, experiments, and the run before."""
