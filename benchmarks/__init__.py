"""Side by side with distribution v3: what is measured, by which load, and how it is told (`make bench`).

Only the command line of either server, HTTP and /proc are used here: nothing is imported from wherry itself.
No test belongs here: a benchmark that fails to reach its target is a figure, not a failure.
"""
