environment = "prod"
region      = "westeurope"
account     = "00000000-0000-0000-0000-000000000000" # yours

# One image moves through all environments: the registry is dev's. `make tf-output NAME=facts` of dev says its address.
# registry = { url = "", id = "" }
