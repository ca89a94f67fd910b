environment = "test"
region      = "europe-west3"
account     = "my-project" # yours

# One image moves through all environments: the registry is dev's. `make tf-output NAME=facts` of dev says its address.
# registry = { url = "", id = "" }

# What is only tried out may be destroyed.
deletion_protection = false
