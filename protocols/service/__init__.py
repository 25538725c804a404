"""What every long-running role shares: TLS, settings, logs, probes, passphrases, a clean stop.

Importing this package restricts TLS to version 1.3; the packages of the roles do so before they
import gRPC (:mod:`protocols.service.tls13`).
"""

from protocols.service import tls13 as tls13
