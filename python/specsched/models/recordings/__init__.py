"""Recording a network: bands, Chebyshev fits along the probability flow, modes, and their file."""
