environment = "prod"
region      = "local"
account     = "local" # yours
