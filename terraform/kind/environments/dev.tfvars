environment = "dev"
region      = "local"
account     = "local" # yours

# What is only tried out may be destroyed.
deletion_protection = false
