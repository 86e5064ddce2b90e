"""The front door on a laptop: one small server that does what the CloudFront distribution's configuration says.

distribution.py   reads the distribution's configuration from CloudFront's API
server.py         `Edge`: listens, checks a request, and finds its behaviour
viewer.py         the viewer's request
signatures.py     checks signed URLs and cookies of trusted key groups
functions.py      runs CloudFront Functions in Node (runtime.js)
exchange.py       answers one request from the cache or from an origin
cache.py          how long an answer is fresh, a bounded store, invalidation, conditions and ranges
compression.py    compresses answers
policies.py       cache key, what is forwarded to the origin, response headers
failover.py       asks the first origin, and the next one when it fails
origins.py        sends a request to S3 (origin access control) or to API Gateway
answers.py        the answers that the edge makes itself
thread.py         an Edge in a thread of its own
"""

from ops.local.edge.server import Edge

__all__ = ["Edge"]
