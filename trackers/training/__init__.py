"""What a tracking network learns from: pairs, targets, losses."""
