"""`/s3`: what @uppy/aws-s3 asks of a server, on the same uploads that `/v1/files` has (docs/uppy.md).

Uppy has two ways: `companionEndpoint` (companion.py) and `signRequest` (presign.py). Only the words differ from ours,
and translation.py has them. A file that came this way is a file like any other.
"""
