// "Try it out" asks the host that the page came from, whatever other names the stage has.
fetch("openapi.json").then(async (answer) => {
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  const spec = await answer.json();
  const base = new URL(".", location.href).href.replace(/\/$/, "");
  spec.servers = [{ url: base, description: "Where this page came from" }];
  SwaggerUIBundle({
    spec,
    dom_id: "#reference",
    deepLinking: true,
    filter: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    persistAuthorization: false,
    validatorUrl: null,
    syntaxHighlight: { activated: true, theme: "agate" },
  });
}).catch((error) => {
  document.querySelector("#reference").textContent = `The reference can't be shown: ${error.message}`;
});
