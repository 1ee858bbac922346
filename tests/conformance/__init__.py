"""The conformance suite of the distribution-spec, run against a registry that is a real process.

The suite itself, its version and how its figures are counted come from a script that is shared by everyone.
No test of our own belongs here.
"""
