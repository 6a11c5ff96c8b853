# A CPU image that runs the demo: trains on pen strokes, then writes out.csv and out.png into the folder it is given.
#
#   docker build -t tsinfogan .
#   docker run --rm -v "$PWD:/work" --user "$(id -u)" tsinfogan
#   docker run --rm -v "$PWD:/work" --user "$(id -u)" tsinfogan tsinfogan train --data mine.csv
#
# The default torch brings CUDA, several GB. For a small image name PyTorch's index of CPU builds:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=ADDRESS -t tsinfogan .

FROM python:3.13-slim

ARG PIP_EXTRA_INDEX_URL
WORKDIR /opt/tsinfogan
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY tsinfogan tsinfogan
COPY datasets datasets
COPY cli cli
RUN python -m pip install --no-cache-dir -c constraints.txt . && useradd --create-home tsinfogan \
    && install -d -o tsinfogan /work

# Any user id may run it: what it caches goes to a folder that everybody can write to.
ENV DEMO_STEPS=2600 MPLCONFIGDIR=/tmp XDG_CACHE_HOME=/tmp USER=tsinfogan
USER tsinfogan
WORKDIR /work
CMD ["sh", "-ec", "\
tsinfogan train --steps $DEMO_STEPS; \
tsinfogan sample --cat 3 -n 20 -o out.csv; \
tsinfogan sample --cat 0:19 -n 8 --format png -o out.png"]
