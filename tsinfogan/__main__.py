"""``python -m tsinfogan`` is ``tsinfogan``."""

from tsinfogan.cli import main

if __name__ == "__main__":
    main()
