"""What others take for the same records: dlt over HTTP with its csv loader, and Sling from a file, each into PostgreSQL with an upsert.

usage: peers.py dlt|sling SERVICE DATABASE FILE
"""

import json
import os
import subprocess
import sys


def with_dlt(service: str, database: str, file: str) -> None:
    import dlt
    from dlt.sources.helpers import requests

    @dlt.resource(name="contact", write_disposition="merge", primary_key="id")
    def contacts():
        url = f"{service}/contacts?page=1"
        while url:
            page = requests.get(url).json()
            yield page["data"]
            url = page["next"] and service + page["next"]

    destination = dlt.destinations.postgres(credentials=database)
    pipeline = dlt.pipeline("peer", destination=destination, dataset_name="by_dlt", pipelines_dir=os.path.dirname(file) + "/dlt")
    pipeline.run(contacts(), loader_file_format="csv")


def with_sling(service: str, database: str, file: str) -> None:
    import sling_linux_amd64

    # The package `sling` itself fetches a binary from elsewhere; this one brings it along.
    program = os.path.join(os.path.dirname(sling_linux_amd64.__file__), "bin", "sling-linux-amd64")
    environment = {**os.environ, "TARGET": database + "?sslmode=disable", "SLING_DISABLE_TELEMETRY": "true"}
    options = json.dumps({"flatten": True})
    subprocess.run(
        [program, "run", "--src-stream", f"file://{file}", "--src-options", options, "--tgt-conn", "TARGET"]
        + ["--tgt-object", "by_sling.contact", "--mode", "incremental", "--primary-key", "id"],
        env=environment,
        check=True,
    )


if __name__ == "__main__":
    peer, *rest = sys.argv[1:]
    {"dlt": with_dlt, "sling": with_sling}[peer](*rest)
