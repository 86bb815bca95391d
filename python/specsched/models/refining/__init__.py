"""Refining a schedule, or a whole solver, on the network: free numbers, Gauss-Newton steps, the result."""
