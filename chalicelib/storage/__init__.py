"""S3. Only this room reads and writes objects, and signs requests for others to send to S3."""
