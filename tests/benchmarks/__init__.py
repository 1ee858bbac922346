"""That the benchmarks measure what they say: figures from samples, and a short run against a real server.

How fast anything is does not belong here: a slow machine fails no test.
"""
