"""How fast networks settle, and whether they do: neurodyn beside three ways without it."""
