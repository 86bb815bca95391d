"""Full covariances: their sums over samples, and their eigenvalues by LAPACK."""
