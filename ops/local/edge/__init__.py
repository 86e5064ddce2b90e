"""The front door on a laptop: what the CloudFront distribution says, done by one small server.

distribution.py   the distribution's configuration, read from CloudFront's API
signatures.py     signed URLs and cookies of trusted key groups
functions.py      CloudFront Functions, in Node (runtime.js)
policies.py       cache key, what is forwarded, response headers
cache.py          freshness, a bounded memory of answers, invalidation, 304 and 206 from it
origins.py        fetching from S3 (origin access control) and from API Gateway
server.py         `Edge`: a request's way through all of them
"""

from ops.local.edge.server import Edge

__all__ = ["Edge"]
