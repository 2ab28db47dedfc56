"""The engine: forks workers from a zygote, watches over them, and carries out runs."""
