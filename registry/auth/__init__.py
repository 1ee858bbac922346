"""Who is asking, and what they may do: the password file, tokens, and the one place that decides.

Must not know HTTP messages beyond the value of an Authorization header, nor how anything is stored.
"""
