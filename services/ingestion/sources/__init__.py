"""Where documents come from beside uploads: each kind is one module that lists what is there."""
