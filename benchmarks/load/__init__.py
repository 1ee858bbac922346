"""The loads: each drives one server over HTTP for a while and says how much was done in how long.

They must cost little beside the servers, with which they share the cores; what a load costs is measured too.
Which load makes which row of the table does not belong here.
"""
