// Shows asyncapi.json: how to connect, the socket's messages, and the events. Everything is text, never markup.
const make = (name, options = {}, ...children) => {
  const { className, ...attributes } = options;
  const element = document.createElement(name);
  if (className) element.className = className;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// Text with `code` in it.
const words = (text = "") => text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));

// Paragraphs, and lists of lines that begin with a dash.
const paragraphs = (text = "") => text.split("\n\n").map((part) => {
  if (!part.startsWith("- ")) return make("p", {}, ...words(part));
  return make("ul", {}, ...part.slice(2).split("\n- ").map((line) => make("li", {}, ...words(line))));
});

class Viewer {
  constructor(spec) {
    this.spec = spec;
  }

  at(reference) {
    return reference.slice(2).split("/").reduce((node, name) => node[name], this.spec);
  }

  read(node) {
    return node && node.$ref ? this.read(this.at(node.$ref)) : node;
  }

  // The type of a schema in a word or two.
  type(schema) {
    if (schema.$ref) {
      const target = this.read(schema);
      return target.type === "object" || target.oneOf ? schema.$ref.split("/").pop() : this.type(target);
    }
    if ("const" in schema) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
    const options = schema.anyOf || schema.oneOf;
    if (options) return options.map((each) => this.type(each)).join(" | ");
    if (schema.type === "array") return `${this.type(schema.items || {})}[]`;
    return schema.format || schema.type || "any";
  }

  // The schemas with fields of their own that a schema leads to, by name, itself included.
  fields(schema, found = new Map(), name = "") {
    const target = this.read(schema);
    const known = schema.$ref ? schema.$ref.split("/").pop() : name;
    if (target.properties && !found.has(known)) {
      found.set(known, target);
      for (const each of Object.values(target.properties)) this.fields(each, found);
    }
    for (const each of [...(target.anyOf || []), ...(target.oneOf || [])]) this.fields(each, found);
    if (target.items) this.fields(target.items, found);
    return found;
  }

  table(schema) {
    const required = new Set(schema.required || []);
    const rows = Object.entries(schema.properties).map(([name, each]) => {
      const description = each.description || this.read(each).description || "";
      return make(
        "tr",
        {},
        make("td", {}, make("code", {}, name), required.has(name) ? "" : " (optional)"),
        make("td", {}, this.type(each)),
        make("td", {}, ...words(description)),
      );
    });
    const head = make("tr", {}, ...["Field", "Type", ""].map((title) => make("th", {}, title)));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  message(reference, { open = false } = {}) {
    const message = this.read(reference);
    const parts = [];
    if (message.headers) parts.push(make("h4", {}, "Headers"), this.table(message.headers));
    for (const [name, schema] of this.fields(message.payload)) {
      parts.push(make("h4", {}, name), this.table(schema));
    }
    for (const example of message.examples || []) {
      const title = example.summary ? `Example: ${example.summary}` : "Example";
      parts.push(make("h4", {}, title), make("pre", {}, JSON.stringify(example.payload, null, 2)));
    }
    const summary = make("summary", {}, make("code", {}, message.name), " ", ...words(message.summary));
    return make("details", { className: "message", ...(open ? { open: "" } : {}) }, summary, ...parts);
  }

  operation(name, operation) {
    const receives = operation.action === "receive";
    const answers = operation.reply ? operation.reply.messages : [];
    return make(
      "section",
      { className: "operation", id: `events-${name}` },
      make("h3", {}, make("span", { className: operation.action }, receives ? "you send" : "you get"), ` ${name}`),
      ...paragraphs([operation.summary, operation.description].filter(Boolean).join("\n\n")),
      ...operation.messages.map((each) => this.message(each)),
      ...(answers.length ? [make("p", {}, "The answer:"), ...answers.map((each) => this.message(each))] : []),
    );
  }

  connect(server) {
    const schemes = server.security.map((each) => this.read(each));
    return make("ul", {}, ...schemes.map((each) => make("li", {}, ...words(each.description))));
  }

  channel(name, channel) {
    const server = this.read(channel.servers[0]);
    const address = channel.address && make("p", {}, make("code", {}, `${server.protocol}://${server.host}${channel.address}`));
    const operations = Object.entries(this.spec.operations).filter(([, each]) => each.channel.$ref === `#/channels/${name}`);
    return make(
      "section",
      { id: `events-${name}` },
      make("h2", {}, channel.title),
      ...(address ? [address] : []),
      ...paragraphs(channel.description),
      ...(server.security ? [this.connect(server)] : []),
      ...operations.map(([title, each]) => this.operation(title, each)),
    );
  }

  show(place) {
    const { info, channels } = this.spec;
    place.replaceChildren(
      make("h1", {}, info.title),
      ...paragraphs(info.description),
      ...Object.entries(channels).map(([name, each]) => this.channel(name, each)),
    );
  }
}

fetch("asyncapi.json").then(async (answer) => {
  if (!answer.ok) throw new Error(`asyncapi.json: ${answer.status}`);
  const spec = await answer.json();
  // The front door may have several names: show the one that the page came from. API Gateway's own has no socket.
  if (location.pathname === "/docs") {
    Object.assign(spec.servers.frontDoor, { host: location.host, protocol: location.protocol.replace("http", "ws").replace(":", "") });
  }
  new Viewer(spec).show(document.querySelector("#events"));
}).catch((error) => {
  document.querySelector("#events").textContent = `The events can't be shown: ${error.message}`;
});
