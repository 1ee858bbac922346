"""How the server runs: one parent that binds, workers that answer, signals, TLS, draining.

Knows sockets, processes and settings. Must not know routes, repositories or the rule: `registry.app` answers requests.
"""
