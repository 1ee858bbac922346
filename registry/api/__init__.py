"""The HTTP half of the registry: routes of the distribution-spec to steps and reads of `registry.content`.

`routes` reads a path and holds THE table of route, method and action; one module per group of routes answers. Must not
decide who may do what (`registry.auth`), nor spell a key or swap a record (`registry.content`).
"""
