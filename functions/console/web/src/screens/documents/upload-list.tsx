import { CircleAlert, CircleCheck, Copy, RotateCw, X } from "lucide-react";
import { bytes } from "@/lib/format";
import { Button, IconButton } from "@/ui/button";
import { Card } from "@/ui/table";
import { type Upload, clearUploads, retryUpload, uploadAnyway } from "./uploads";

/** What is on its way, and what became of it. */
export function UploadList({ uploads }: { uploads: Upload[] }) {
  if (uploads.length === 0) return null;
  const over = uploads.filter(({ state }) => state.step === "done" || state.step === "failed" || state.step === "duplicate").length;
  const done = uploads.filter(({ state }) => state.step === "done").length;
  return (
    <Card aria-label="Uploads" role="region">
      <header className="flex h-10 items-center justify-between border-b border-line px-4">
        <h2 className="text-xs font-medium text-soft" role="status">
          {over < uploads.length ? `Uploading ${over + 1} of ${uploads.length}` : done < uploads.length ? `${done} of ${uploads.length} uploaded` : `${done} uploaded`}
        </h2>
        {over > 0 ? (
          <Button size="small" look="ghost" onClick={() => clearUploads()}>
            Clear
          </Button>
        ) : null}
      </header>
      <ul className="thin-scroll max-h-60 divide-y divide-line overflow-y-auto">
        {uploads.map((upload) => (
          <Row key={upload.key} upload={upload} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ upload: { key, file, state } }: { upload: Upload }) {
  const done = state.step === "sending" ? state.sent / Math.max(1, file.size) : state.step === "checking" ? 1 : 0;
  const moving = state.step === "hashing" || state.step === "sending" || state.step === "checking";
  return (
    <li className="flex min-h-11 items-center gap-3 px-4 py-1.5 [&>svg]:size-4 [&>svg]:shrink-0">
      {state.step === "done" ? <CircleCheck className="text-good" /> : state.step === "failed" ? <CircleAlert className="text-bad" /> : state.step === "duplicate" ? <Copy className="text-warn" /> : null}
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <span className="truncate font-medium">{file.name}</span>
          <span className="num shrink-0 text-xs text-faint">{bytes(file.size)}</span>
        </div>
        {moving ? (
          <div role="progressbar" aria-label={`Upload of ${file.name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(done * 100)} className="mt-1 h-1 overflow-hidden rounded-full bg-ink/8">
            <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${done * 100}%` }} />
          </div>
        ) : state.step === "failed" ? (
          <p className="text-xs text-bad">{state.problem.message}</p>
        ) : state.step === "duplicate" ? (
          <p className="text-xs text-soft">The same file is here already, as “{state.of.name}”.</p>
        ) : null}
      </div>
      <span className="num shrink-0 text-xs text-faint">
        {state.step === "sending" ? `${Math.round(done * 100)} %` : state.step === "waiting" ? "waiting" : state.step === "hashing" ? "reading" : state.step === "checking" ? "checking" : null}
      </span>
      {state.step === "duplicate" ? <Button size="small" onClick={() => uploadAnyway(key)}>Upload anyway</Button> : null}
      {state.step === "failed" ? <IconButton label="Try again" size="tiny" onClick={() => retryUpload(key)}><RotateCw /></IconButton> : null}
      {state.step === "failed" || state.step === "duplicate" ? <IconButton label="Forget it" size="tiny" onClick={() => clearUploads(key)}><X /></IconButton> : null}
    </li>
  );
}
