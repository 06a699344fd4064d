"""How well a model follows measured mouths and known sounds."""
