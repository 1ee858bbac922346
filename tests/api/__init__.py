"""The HTTP half of the registry, against servers in this process on free ports, over both stores."""
