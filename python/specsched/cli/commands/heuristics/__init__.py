"""Commands about heuristics: a list of them, and the best shift of the one that flow models use."""
