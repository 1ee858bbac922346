"""The collector, the check of everything, and what keeps a store in order, on real stores."""
