"""Architecture search through Optuna: objectives, constraints, samplers, resumable studies."""
