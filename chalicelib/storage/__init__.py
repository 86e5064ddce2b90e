"""S3. Only this room signs requests to S3 and reads and writes objects."""
