environment = "test"
region      = "local"
account     = "local"

# What is only tried out may be destroyed.
deletion_protection = false

# Operators: none by default, a laptop is small. The names are those of the other roots.
addons = {}
