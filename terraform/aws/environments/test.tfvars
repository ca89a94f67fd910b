environment = "test"
region      = "eu-central-1"
account     = "111122223333" # yours

# One image moves through all environments: the registry is dev's. `make tf-output NAME=facts` of dev says its address.
# registry = { url = "", id = "" }

# What is only tried out may be destroyed.
deletion_protection = false
