"""Who is in a segment and what to try: claims with their evidence, personas, playbook."""
