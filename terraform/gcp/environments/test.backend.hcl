# The bucket is named by STATE=… of make; it has versions, and only those who may apply can read it. It locks by itself.
prefix = "fairlead/test"
