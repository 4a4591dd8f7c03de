# An image of duly that is not run by root. Written without a container engine at hand: untried.
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 duly
WORKDIR /opt/duly

# The lock first: it changes less often than the code.
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY policies policies
COPY adapters adapters
COPY scheduler scheduler
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation .

USER duly
WORKDIR /home/duly
ENTRYPOINT ["duly"]
CMD ["run"]
