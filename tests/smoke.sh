#!/bin/sh
# smoke.sh FILE: installs a wheel or an sdist into a bare environment, far from the checkout, and uses it there.
set -eu
file=$(realpath "$1")
constraints=$(realpath "$(dirname "$0")/../constraints.txt")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"${PYTHON:-python3}" -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check -c "$constraints" "$file"
PATH="$folder/env/bin:$PATH"
unset PYTHONPATH TSINFOGAN_RUNS || true

tsinfogan --version
tsinfogan sample --pretrained letters --label a -n 3 -o letters.csv
python - <<'END'
import math
from pathlib import Path

import tsinfogan

assert Path(tsinfogan.__file__).is_relative_to(Path.cwd() / "env"), tsinfogan.__file__
rows = [f"{case},{time},{math.sin(time * (case % 3 + 1) / 4)}" for case in range(12) for time in range(16)]
Path("waves.csv").write_text("\n".join(["case,time,height", *rows, ""]))
END
tsinfogan train --data waves.csv --cat 3 --width 8 --batch-size 8 --steps 3 --device cpu 2> said || { cat said; exit 1; }
tsinfogan sample --cat 2 -n 5 -o five.csv
tsinfogan sample -n 4 -o four.png
python - <<'END'
from tsinfogan import read_panel

assert read_panel("letters.csv").n_cases == 3
assert read_panel("five.csv").values.shape == (5, 1, 16)
END
echo "$(basename "$file"): installed and used, $(du -sk "$file" | cut -f1) KiB"
