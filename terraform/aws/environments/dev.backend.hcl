# The bucket is named by STATE=… of make; it has versions, and only those who may apply can read it.
key          = "fairlead/dev.tfstate"
region       = "eu-central-1"
encrypt      = true
use_lockfile = true
