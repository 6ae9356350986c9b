import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Compare } from "./compare";
import type { Conflict } from "./files";

/** Two people changed the same file. Nothing is written until one of them decides. */
export function ConflictDialog({ conflict, onChoice }: { conflict: Conflict | undefined; onChoice: (choice: "mine" | "theirs" | "later") => void }) {
  if (!conflict) return null;
  const gone = conflict.theirs === undefined;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onChoice("later")}
      className="max-w-5xl"
      title={gone ? "The file was deleted meanwhile" : "The file was changed meanwhile"}
      description={
        <>
          <code className="font-mono">{conflict.path}</code> is not as you read it. {gone ? "Save yours as a new file, or let it go." : "Compare both, then keep one."}
        </>
      }
      footer={
        <>
          <Button onClick={() => onChoice("later")}>Decide later</Button>
          <Button look="danger" onClick={() => onChoice("theirs")}>{gone ? "Drop mine" : "Take theirs, drop mine"}</Button>
          <Button look="primary" onClick={() => onChoice("mine")}>Keep mine</Button>
        </>
      }
    >
      {conflict.theirs?.text === undefined ? null : <Compare before={conflict.theirs.text} after={conflict.mine} labels={["Theirs, saved", "Yours, not saved"]} />}
    </Dialog>
  );
}
