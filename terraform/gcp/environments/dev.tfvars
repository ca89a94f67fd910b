environment = "dev"
region      = "europe-west3"
account     = "my-project" # yours

# What is only tried out may be destroyed.
deletion_protection = false
