"""Designs: the schedules with the least loss, one at a time, along numbers of steps, and in scans."""
