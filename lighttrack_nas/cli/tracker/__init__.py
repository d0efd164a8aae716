"""Commands about trackers: weights, exports, tracking, evaluation."""
