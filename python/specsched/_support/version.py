"""The version of the library, which files and reports carry."""

VERSION = "0.1.0"
