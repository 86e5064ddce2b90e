// What a program in TypeScript does with filemill.js. tests/browser/test_filemill_js_package.py has tsc check it.

import { Filemill, FilemillError, type FileEvent, type FileRecord, type UploadState } from "filemill";
import type { components, paths } from "filemill/openapi";

const filemill = new Filemill({ url: "https://files.example.com", credential: async ({ purpose, refresh }) => `${purpose}${refresh}` });

export async function send(file: File): Promise<string | undefined> {
  const upload = filemill.upload(file, {
    tags: ["a"],
    visibility: "public",
    onProgress: ({ sent, total, remaining }) => console.log(sent / total, remaining?.toFixed(0)),
    onState: (state: UploadState) => console.log(state),
    signal: AbortSignal.timeout(1000),
  });
  upload.pause();
  upload.resume();
  try {
    const record: FileRecord = await upload.ready;
    return record.renditions[0]?.url ?? record.delivery?.srcset?.webp ?? undefined;
  } catch (error) {
    if (error instanceof FilemillError && error.code === "too_large") return error.record?.filename;
    throw error;
  }
}

export function show(rows: Map<string, string>): () => void {
  const follower = filemill.follow({
    cursor: null,
    onEvent: ({ subject, data: { file } }: FileEvent) => void rows.set(subject, file.filename ?? "deleted"),
  });
  return () => follower.close();
}

type List = paths["/v1/files"]["get"]["responses"][200]["content"]["application/json"];
export const list = (): Promise<List> => filemill.request<List>("GET", "/v1/files", { query: { tag: ["a", "b"], limit: 10 } });

export const body: components["schemas"]["CreateUploadToken"] = { max_bytes: 1, content_types: ["image/*"] };

// @ts-expect-error The API has no such visibility.
filemill.upload(new Blob([]), { visibility: "secret" });
// @ts-expect-error A credential is a string, or a function that gives one.
new Filemill({ credential: 1 });
