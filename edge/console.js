// CloudFront Function (cloudfront-js-2.0) of the paths at which the console and its module are: `/`, `/console` and
// below, `/filemill.js`, for the viewer's request. ops/stack/console.py says which objects there are.

const PAGE = '/console/index.html';
const MODULE = '/console/filemill.js';

// The assets of one release of the console, and what the page asks for beside them. Nothing in such a path is
// percent-encoded, and no part of it begins with a dot.
const ASSET = /^\/console\/(?:[0-9a-f]{16}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+|config\.json)$/;

function handler(event) {
    const request = event.request;
    // An issuer of sign-in tokens leads back to `/?code=…`. S3 need not hear of that.
    request.querystring = {};
    if (request.uri === '/') {
        request.uri = PAGE;
    } else if (request.uri === '/filemill.js') {
        request.uri = MODULE;
    } else if (request.uri === '/console' || request.uri === '/console/' || request.uri === PAGE) {
        return answer(302, 'Found', '/', 'The console is at /\n');
    } else if (!ASSET.test(request.uri)) {
        return answer(404, 'Not Found', '', 'There is nothing at this address. The console is at /\n');
    }
    return request;
}

function answer(status, phrase, location, body) {
    const headers = {
        'cache-control': {value: 'no-cache'},
        'content-type': {value: 'text/plain; charset=utf-8'},
        'x-content-type-options': {value: 'nosniff'},
    };
    if (location) {
        headers.location = {value: location};
    }
    return {statusCode: status, statusDescription: phrase, headers: headers, body: body};
}
