// An app's page: Uppy with one of the two ways to reach Filemill, as docs/uppy.md shows them.
//   ?mode=companion                     the cookie of POST /s3/session says who uploads
//   ?mode=sign&token=fmu_…&api=http…    each request carries the token; the API may be another origin
//   &multipart=1                        parts of 5 MiB, whatever the file's size
import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";

const asked = new URLSearchParams(location.search);
const api = asked.get("api") ?? location.origin;
const status = document.getElementById("status");

async function signRequest(request) {
  const reply = await fetch(`${api}/s3/presign`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${asked.get("token")}` },
    body: JSON.stringify(request),
  });
  const signed = await reply.json();
  if (!reply.ok) throw new Error(signed.message);
  return signed;
}

const uppy = new Uppy({ autoProceed: true, meta: { album: "Été 2026" } });
uppy.use(AwsS3, {
  ...(asked.get("mode") === "companion" ? { companionEndpoint: api } : { signRequest }),
  shouldUseMultipart: asked.has("multipart"),
  getChunkSize: () => 5 * 1024 * 1024,
});

window.uppy = uppy;
window.parts = [];
uppy.on("s3-multipart:part-uploaded", (file, part) => window.parts.push(part));
uppy.on("complete", ({ successful, failed }) => {
  window.uploaded = successful.map((file) => file.response.body);
  status.textContent = failed.length ? `failed: ${failed.map((file) => file.error).join(", ")}` : "success";
});

document.getElementById("file").addEventListener("change", (event) => {
  status.textContent = "uploading";
  uppy.addFiles([...event.target.files]);
});
