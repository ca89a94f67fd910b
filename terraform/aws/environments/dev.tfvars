environment = "dev"
region      = "eu-central-1"
account     = "111122223333" # yours

# What is only tried out may be destroyed.
deletion_protection = false
