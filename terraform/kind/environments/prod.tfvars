environment = "prod"
region      = "local"
account     = "local"

# Operators: none by default, a laptop is small. The names are those of the other roots.
addons = {}
