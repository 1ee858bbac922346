"""Foreign clients, each as its users run it, against a registry that is a real process.

One module for each family of clients; what they move is made here too, since no public image is at hand.
Nothing here looks into a registry's store or calls wherry's code.
"""
