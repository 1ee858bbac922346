"""Passwords, tokens, patterns and what is allowed."""
