"""The server as processes, sockets and signals: real ones, on free ports.

Requests are only what is needed to see a connection live or die; what they answer is tested in `tests/api`.
"""
