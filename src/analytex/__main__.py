"""`python -m analytex`: the same as the command `analytex`."""

from analytex.cli.main import main

if __name__ == "__main__":
    main()
