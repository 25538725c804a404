"""TLS 1.3 and nothing older, for every gRPC connection of this process.

gRPC has no setting for the lowest version. It has one for the cipher suites of TLS 1.2, read from
the environment when ``grpc`` is imported: with a suite that needs a pre-shared key, which nobody
here has, TLS 1.2 is left without a suite that two parties could agree on, whatever the certificate.
The suites of TLS 1.3 are not affected. A test demands both from both sides.

Imported by the ``__init__`` of each package that has a transport, so that it precedes ``grpc``;
:mod:`protocols.service.tls` makes no credentials when it came too late.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "GRPC_SSL_CIPHER_SUITES"
SUITES = "ECDHE-PSK-CHACHA20-POLY1305"

IN_FORCE = "grpc" not in sys.modules or os.environ.get(VARIABLE) == SUITES
"""Whether the restriction was made before ``grpc`` read the environment."""

os.environ[VARIABLE] = SUITES

# gRPC writes lines of its own to standard error, which would stand between those of a JSON log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
