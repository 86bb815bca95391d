"""What lies between the user's shell and the commands: help and errors."""
