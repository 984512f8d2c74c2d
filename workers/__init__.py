"""Processes behind the portal: the relay that rings, the workers that drain, and the names of their jobs."""

# One queue only: with several, RQ takes bells in a way that loses one when the process is killed.
QUEUE = "bells"
