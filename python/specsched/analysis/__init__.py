"""What a sampler makes of Gaussian data over a schedule: transfer functions, losses and their gradients."""
