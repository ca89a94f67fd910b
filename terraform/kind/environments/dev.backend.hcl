path = "dev.tfstate"
