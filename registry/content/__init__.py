"""What the registry holds, by the one rule: reference first, then check.

Step functions (generators that yield one store operation at a time) and plain reads over a store. Must not know HTTP,
users' rights or settings files: what they decide comes in as arguments.
"""
