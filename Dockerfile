# seedbed on a CPU. PyTorch comes from pip's index, which brings several GB of CUDA; where another index has CPU builds:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=ADDRESS --tag seedbed .
# Experiments, tracked runs and reports lie in the folder that is mounted as /project:
#   docker run --rm --volume "$PWD:/project" --volume seedbed-cache:/home/seedbed/.cache --user "$(id -u):$(id -g)" \
#     seedbed run NAME --config-dir .

# The Python by which constraints.txt was made.
FROM python:3.11-slim-trixie AS build
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /source
RUN python -m venv /opt/seedbed
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY conf conf
COPY experiments experiments
RUN /opt/seedbed/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim-trixie
# Whoever runs it has this home, so that --user may name anyone.
RUN useradd --uid 1000 --create-home seedbed \
    && install --directory --mode=1777 /home/seedbed /home/seedbed/.cache /project
COPY --from=build /opt/seedbed /opt/seedbed
ENV HOME=/home/seedbed \
    PATH=/opt/seedbed/bin:$PATH \
    SEEDBED_PROJECT=/project
USER 1000
WORKDIR /project
VOLUME /project
ENTRYPOINT ["seedbed"]
CMD ["--help"]
