"""The verbs of the house; the only floor that commits."""
