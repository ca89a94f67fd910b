# The storage account is named by STATE=… of make; it has versions, and only those who may apply can read it. A lease locks.
container_name   = "fairlead"
key              = "test.tfstate"
use_azuread_auth = true
