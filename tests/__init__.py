"""The proof that wherry does what it says, against real servers, processes and foreign clients.

Test modules are named after the behaviour they prove; the others hold what several of them need.
Nothing here is installed with wherry.
"""
