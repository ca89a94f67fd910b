"""What is generated from the code, one module for each kind."""
