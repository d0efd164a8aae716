"""Choose: one-shot training through NNI, and architecture search through Optuna."""
