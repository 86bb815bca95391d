"""Spectra: the eigenvalues of the data covariance, their estimates, files and compression."""
