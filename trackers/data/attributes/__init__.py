"""What data sets say of their sequences beside boxes."""
