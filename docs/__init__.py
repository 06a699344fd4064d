"""The documents, and the scripts that draw and generate parts of them."""
