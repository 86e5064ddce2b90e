// CloudFront Function of /ws, for the viewer's request. A WebSocket API answers at its stage's name and takes no path
// below it. `python -m ops provision` puts this text into the template, and the line `const STAGE = '…';` behind it.

function handler(event) {
    const request = event.request;
    // CloudFront shows no function the Upgrade header. Every handshake has this one:
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html
    if (!request.headers['sec-websocket-key']) {
        return refused();
    }
    request.uri = '/' + STAGE;
    return request;
}

// Status 426 would need the Upgrade header, which a function may not set.
function refused() {
    return {
        statusCode: 400,
        statusDescription: 'Bad Request',
        headers: {
            'cache-control': {value: 'no-store'},
            'content-type': {value: 'application/problem+json'},
            'x-content-type-options': {value: 'nosniff'},
        },
        body: JSON.stringify({
            type: 'urn:filemill:problem:bad_request',
            title: 'Bad Request',
            status: 400,
            code: 'bad_request',
            detail: 'This address speaks WebSocket only: connect with a WebSocket client (wss://).',
        }) + '\n',
    };
}
