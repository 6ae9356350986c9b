import { CircleAlert, CircleCheck, Copy, RotateCw, X } from "lucide-react";
import { bytes } from "@/lib/format";
import { Button, IconButton } from "@/ui/button";
import { Card } from "@/ui/table";
import { type Upload, cancelUploads, forgetUploads, isMoving, retryUploads, uploadAnyway } from "./uploads";

const keysOf = (uploads: Upload[]) => uploads.map(({ key }) => key);

/** What is on its way, and what became of it. */
export function UploadList({ uploads }: { uploads: Upload[] }) {
  if (uploads.length === 0) return null;
  const moving = uploads.filter(isMoving);
  const over = uploads.filter((upload) => !isMoving(upload));
  const done = uploads.filter(({ state }) => state.step === "done");
  const failed = uploads.filter(({ state }) => state.step === "failed");
  return (
    <Card aria-label="Uploads" role="region">
      <header className="flex h-10 items-center gap-1 border-b border-line px-4">
        <h2 className="mr-auto text-xs font-medium text-soft">
          <span role="status">{moving.length > 0 ? `Uploading ${over.length + 1} of ${uploads.length}` : done.length < uploads.length ? `${done.length} of ${uploads.length} uploaded` : `${done.length} uploaded`}</span>
        </h2>
        {failed.length > 1 ? <Button size="small" look="ghost" onClick={() => retryUploads(keysOf(failed))}>Try all again</Button> : null}
        {moving.length > 1 ? <Button size="small" look="ghost" onClick={() => cancelUploads(keysOf(moving))}>Cancel all</Button> : null}
        {over.length > 0 ? <Button size="small" look="ghost" onClick={() => forgetUploads(keysOf(over))}>Clear</Button> : null}
      </header>
      <ul className="thin-scroll max-h-60 divide-y divide-line overflow-y-auto">
        {uploads.map((upload) => (
          <Row key={upload.key} upload={upload} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ upload }: { upload: Upload }) {
  const { key, file, state } = upload;
  const done = state.step === "sending" ? state.sent / Math.max(1, file.size) : state.step === "checking" ? 1 : 0;
  return (
    <li className="flex min-h-11 items-center gap-3 px-4 py-1.5 [&>svg]:size-4 [&>svg]:shrink-0">
      {state.step === "done" ? <CircleCheck className="text-good" /> : state.step === "failed" || state.step === "refused" ? <CircleAlert className="text-bad" /> : state.step === "duplicate" ? <Copy className="text-warn" /> : null}
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <span className="truncate font-medium">{file.name}</span>
          <span className="num shrink-0 text-xs text-faint">{bytes(file.size)}</span>
        </div>
        {isMoving(upload) && state.step !== "waiting" ? (
          <div role="progressbar" aria-label={`Upload of ${file.name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(done * 100)} className="mt-1 h-1 overflow-hidden rounded-full bg-ink/8">
            <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${done * 100}%` }} />
          </div>
        ) : state.step === "failed" ? (
          <p className="text-xs text-bad">{state.problem.message}</p>
        ) : state.step === "refused" ? (
          <p className="text-xs text-bad">{state.why}</p>
        ) : state.step === "duplicate" ? (
          <p className="text-xs text-soft">The same file is here already, as “{state.of.name}”.</p>
        ) : null}
      </div>
      <span className="num shrink-0 text-xs text-faint">
        {state.step === "sending" ? `${Math.round(done * 100)} %` : state.step === "waiting" ? "waiting" : state.step === "hashing" ? "reading" : state.step === "checking" ? "checking" : null}
      </span>
      {state.step === "duplicate" ? <Button size="small" onClick={() => uploadAnyway(key)}>Upload anyway</Button> : null}
      {state.step === "failed" ? <IconButton label="Try again" size="tiny" onClick={() => retryUploads([key])}><RotateCw /></IconButton> : null}
      {isMoving(upload) ? (
        <IconButton label={`Cancel the upload of ${file.name}`} size="tiny" onClick={() => cancelUploads([key])}><X /></IconButton>
      ) : state.step === "done" ? null : (
        <IconButton label="Forget it" size="tiny" onClick={() => forgetUploads([key])}><X /></IconButton>
      )}
    </li>
  );
}
