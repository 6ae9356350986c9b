import { Check, LoaderCircle, Radio, RefreshCw, ShieldX, WifiOff } from "lucide-react";
import { Badge } from "@/ui/status";
import { useNow } from "@/ui/use-now";
import type { Connection } from "@/stream/follow";

/** Whether what is shown is what happens. */
export function ConnectionChip({ connection }: { connection: Connection }) {
  const now = useNow(connection.state === "waiting", 250);
  switch (connection.state) {
    case "connecting":
      return <Badge><LoaderCircle className="animate-spin" />connecting</Badge>;
    case "live":
      return <Badge tone="good"><Radio />live</Badge>;
    case "polling":
      return <Badge tone="good"><RefreshCw />polling</Badge>;
    case "waiting": {
      // Only a pause worth noticing is told.
      if (connection.attempt < 2) return <Badge><LoaderCircle className="animate-spin" />connecting</Badge>;
      const seconds = Math.max(0, Math.ceil((connection.until - now) / 1000));
      return <Badge tone="warn"><WifiOff />{seconds > 0 ? `reconnecting in ${seconds} s` : "reconnecting"}</Badge>;
    }
    case "ended":
      return <Badge><Check />complete</Badge>;
    case "refused":
      return <Badge tone="bad"><ShieldX />refused ({connection.status})</Badge>;
  }
}
