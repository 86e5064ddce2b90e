// A receiver of webhooks: it verifies each event with the npm package, and answers with what it found.
// node receiver.mjs SECRET; the first line that it writes is its port.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    try {
      const event = webhook.verify(body, request.headers);
      response.writeHead(200).end(`verified ${event.type} ${event.data.file.filename}`);
    } catch (error) {
      response.writeHead(401).end(error.message);
    }
  });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
