"""Every solver as its source states it, on numbers of any kind."""
