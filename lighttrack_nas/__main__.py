"""`python -m lighttrack_nas` is `lighttrack-nas`."""

from lighttrack_nas.cli import main

if __name__ == "__main__":
    main()
