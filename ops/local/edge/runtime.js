// Runs CloudFront Functions for functions.py. A line `+ID CODE` (CODE in JSON) defines one; a line `ID EVENT` calls it and
// is answered by a line, `+RESULT` or `-WHY`, in order.
'use strict';
const vm = require('vm');
const {Worker} = require('worker_threads');

// A function that never returns would outlive a front door that was killed: whoever waits for it on stdin has no turn.
const watch = `const parent = process.ppid;
setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1000);`;
new Worker(watch, {eval: true}).unref();

const functions = new Map();

function load(name) {
    if (name !== 'crypto') {
        throw new Error(`There is no module ${name}`);
    }
    const {createHash, createHmac} = require('crypto');
    return {createHash, createHmac};
}

function define(id, code) {
    // As at CloudFront: no timers, no code made from strings, and of modules only this one.
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
    const context = vm.createContext({require: load}, {codeGeneration: {strings: false, wasm: false}});
    const call = '(event) => JSON.stringify(handler(JSON.parse(event)))';
    functions.set(id, vm.runInContext(`${code}\n;${call}`, context, {timeout: 1000}));
}

require('readline').createInterface({input: process.stdin}).on('line', (line) => {
    const space = line.indexOf(' ');
    const id = line.slice(0, space);
    const rest = line.slice(space + 1);
    if (id[0] === '+') {
        try {
            define(id.slice(1), JSON.parse(rest));
        } catch (error) {
            functions.set(id.slice(1), () => { throw error; });
        }
        return;
    }
    let answer;
    try {
        answer = '+' + functions.get(id)(rest);
    } catch (error) {
        answer = '-' + String(error).replace(/\s+/g, ' ');
    }
    process.stdout.write(answer + '\n');
});
