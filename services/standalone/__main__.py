"""`python -m standalone`."""

from standalone.main import main

main()
