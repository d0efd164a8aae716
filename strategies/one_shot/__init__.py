"""Weight-sharing training through NNI: the supernet of trackers, its backbone before that, plain networks after."""
