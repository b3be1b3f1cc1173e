"""The localiser: observations, likelihoods, search, explanation. Pure."""
