"""Browse a folder of runs in the web browser: verdicts and figures, filter, sort, open reports, compare.

One read-only page on this machine; stop it with Ctrl-C. The address that is printed has a secret in it, so that other
users of the machine find nothing. Reports are shown without script and cannot read one another.

Examples:
  python -m fusion.browse runs
  python -m fusion.browse runs=multirun/breast_tcga port=8000
  python -m fusion.browse runs=runs host=0.0.0.0 allow_remote=true 'names=[gpu3.example.org]'
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fusion.config.command import run
from fusion.config.overrides import bare_first

if TYPE_CHECKING:
    from omegaconf import DictConfig


def browse(config: DictConfig) -> None:
    """Serve the page until it is interrupted.

    Raises:
        FusionError: there is no such folder, or the address cannot or may not be listened on.
    """
    from pathlib import Path

    from fusion.report.browse.server import serve

    server, address = serve(
        Path(config.runs),
        host=str(config.host),
        port=config.port,
        allow_remote=config.allow_remote,
        names=[str(name) for name in config.names],
    )
    sys.stdout.write(f"{config.runs}: open\n  {address}\nStop with Ctrl-C.\n")
    sys.stdout.flush()
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stdout.write("\nStopped.\n")


if __name__ == "__main__":
    sys.argv[1:] = bare_first(sys.argv[1:], "runs")
    run(browse, "browse")
