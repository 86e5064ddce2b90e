// CloudFront Function (cloudfront-js-2.0) of /f/public/* and /f/private/*, for both viewer events. docs/delivery.md says
// what an address is and why. `python -m ops provision` puts this text into the template, and the line
// `const KEY = '…';` behind it. No network, no state.

const crypto = require('crypto');

// One version of one file, its check, and a width of it or of one of its pages: the same bounds as
// chalicelib/delivery/missing.py. Or the text, or the list of entries, that was found in the file, the bytes of one
// entry, the clean copy of an SVG, a film's pictures, a waveform, or a film's playlists, segments, clips and captions (chalicelib/renditions/
// media_names.py). Nothing is percent-encoded in such a path, so an encoded slash, a dot segment or a second encoding never
// matches. An address that a former release gave has no check.
const ADDRESS =
    /^(\/f\/(?:public|private)\/file_[0-9A-HJKMNP-TV-Z]{26}\/[0-9a-f]{16})(?:-([0-9a-f]{16}))?(\/(?:(?:p[1-9][0-9]{0,3}-)?w([1-9][0-9]{0,4})(\.(?:avif|webp|jpg|png))?|(text\.(?:txt|json)|entries\.json|clean\.svg|(?:poster|preview)\.webp|waveform\.json|e(?:0|[1-9][0-9]{0,3})\.bin|hls(?:-[0-9a-f]{16})?\.m3u8|av\/(?:(?:[vi][1-9][0-9]{1,3}|a(?:0|[1-9][0-9]?)|source)(?:\.m3u8|-init\.mp4|-(?:0|[1-9][0-9]{0,5})\.m4s)|captions-[0-9a-f]{16}\.(?:vtt|m3u8)|film-[0-9a-f]{16}\.mp4|[1-9][0-9]{1,3}\.mp4|sound\.(?:m4a|opus)|sprite-(?:0|[1-9][0-9]{0,5})\.jpg|sprites\.vtt))))$/;
const MAX_WIDTH = 16383;

// Best first: of formats that a viewer likes equally, the smallest file wins.
const FORMATS = [['image/avif', '.avif'], ['image/webp', '.webp'], ['image/jpeg', '.jpg']];

// Browsers send 40 to 150 characters.
const MAX_ACCEPT = 1024;
const QUALITY = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

// What CloudFront checks a private address by. It is left alone, so that it doesn't matter whether that comes before or
// after this function: CloudFront's documentation doesn't say.
const SIGNATURE = ['Expires', 'Policy', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm'];

// Tells the second event that the first one chose the format. No policy hands it on.
const CHOSE = 'x-filemill-chose';

function handler(event) {
    return event.context.eventType === 'viewer-response' ? respond(event) : negotiate(event.request);
}

function negotiate(request) {
    const match = ADDRESS.exec(request.uri);
    if (!match || Number(match[4] || 0) > MAX_WIDTH || (match[2] && !same(match[2], check(match[1])))) {
        return nothing();
    }
    // Without the check: S3's keys, the cache's keys and the paths of invalidations have none.
    request.uri = match[1] + match[3];
    request.querystring = signature(request.querystring);
    delete request.headers[CHOSE];
    if (!match[5] && !match[6]) {
        request.uri += extension(accepted(request.headers.accept));
        request.headers[CHOSE] = {value: '1'};
    }
    return request;
}

// chalicelib/keyring.py (address_check) makes the same of an address up to its version.
function check(path) {
    return crypto.createHmac('sha256', KEY).update(path).digest('hex').slice(0, 16);
}

// Takes as long for every other text of this length, so that its time tells nothing.
function same(given, wanted) {
    let other = 0;
    for (let i = 0; i < wanted.length; i++) {
        other |= given.charCodeAt(i) ^ wanted.charCodeAt(i);
    }
    return other === 0;
}

function respond(event) {
    const headers = event.response.headers;
    if (event.request.headers[CHOSE] || event.request.uri.indexOf('.') < 0) {
        headers.vary = {value: headers.vary ? values(headers.vary).join(', ') + ', Accept' : 'Accept'};
    }
    return event.response;
}

function nothing() {
    return {
        statusCode: 404,
        statusDescription: 'Not Found',
        headers: {
            'cache-control': {value: 'public, max-age=60'},
            'content-type': {value: 'text/plain; charset=utf-8'},
            'x-content-type-options': {value: 'nosniff'},
        },
        body: 'There is no such file.\n',
    };
}

function signature(query) {
    const kept = {};
    SIGNATURE.forEach(function (name) {
        if (query[name]) {
            kept[name] = query[name];
        }
    });
    return kept;
}

function values(field) {
    return field.multiValue ? field.multiValue.map(function (each) { return each.value; }) : [field.value];
}

// The quality (0 to 1) of each media range; what is malformed counts for nothing.
function accepted(field) {
    const ranges = Object.create(null);
    let text = field ? values(field).join(',') : '';
    if (text.length > MAX_ACCEPT) {
        // Whole items only: a cut must not turn `image/avif;q=0` into `image/avif`.
        text = text.slice(0, text.lastIndexOf(',', MAX_ACCEPT) + 1);
    }
    text.toLowerCase().split(',').forEach(function (item) {
        const parts = item.split(';').map(function (part) { return part.trim(); });
        let quality = '1';
        parts.slice(1).forEach(function (part) {
            if (part.slice(0, 2) === 'q=') {
                quality = part.slice(2);
            }
        });
        if (QUALITY.test(quality)) {
            ranges[parts[0]] = Math.max(ranges[parts[0]] || 0, Number(quality));
        }
    });
    return ranges;
}

// A wildcard stands for JPEG alone: programs that show no AVIF and no WebP say image/* and */*, too.
function extension(ranges) {
    let best = '.jpg';
    let most = first([ranges['image/jpeg'], ranges['image/*'], ranges['*/*'], 0]);
    FORMATS.slice(0, -1).reverse().forEach(function (format) {
        const quality = ranges[format[0]] || 0;
        if (quality > 0 && quality >= most) {
            best = format[1];
            most = quality;
        }
    });
    return best;
}

function first(candidates) {
    return candidates.find(function (each) { return each !== undefined; });
}
