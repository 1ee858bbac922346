"""What the server tells of its work: metrics and the access log.

`observer.py` is the contract with `registry.app`; the rest fulfils it. Must not decide anything about a request.
"""
