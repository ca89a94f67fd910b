environment = "dev"
region      = "westeurope"
account     = "00000000-0000-0000-0000-000000000000" # yours

# What is only tried out may be destroyed.
deletion_protection = false
