"""What happened afterwards: figures, changes, placebos, campaigns, experiments."""
