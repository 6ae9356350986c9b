import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ShieldAlert, ShieldCheck } from "lucide-react";
import { useState } from "react";
import { api, data } from "@/api/client";
import { useLacking } from "@/app/role";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/form";
import { Failed, LoadingRows, Refusal } from "@/ui/states";
import { Card } from "@/ui/table";
import { said } from "@/ui/toast";
import { Section } from "./settings";

/** While it is on, new runs and builds are recorded but not executed. For system admins. */
export function SafeModeSection() {
  const client = useQueryClient();
  const lacking = useLacking("system_admin");
  const state = useQuery({ queryKey: ["safe-mode"], queryFn: ({ signal }) => data(api.GET("/system/safe-mode", { signal })) });
  const [detail, setDetail] = useState("");
  const [asking, setAsking] = useState(false);
  const put = useMutation({
    mutationFn: (enabled: boolean) => data(api.PUT("/system/safe-mode", { body: { enabled, detail: enabled ? detail.trim() || null : null } })),
    onSuccess: ({ enabled }) => {
      said(enabled ? "Safe mode is on" : "Safe mode is off");
      setAsking(false);
      void client.invalidateQueries({ queryKey: ["safe-mode"] });
      void client.invalidateQueries({ queryKey: ["health"] });
    },
  });
  return (
    <Section id="safe-mode" title="Safe mode" note="New runs and builds of every workspace are recorded, and end at once as canceled. Running work is not touched.">
      <Card>
        {state.isPending ? <LoadingRows rows={1} /> : state.isLoadingError ? <Failed error={state.error} retry={() => void state.refetch()} className="py-6" /> : (
          <div className="flex flex-col gap-3 p-4">
            <div className="flex items-center gap-2.5 [&>svg]:size-5">
              {state.data.enabled ? <ShieldAlert className="text-warn" /> : <ShieldCheck className="text-good" />}
              <p className="mr-auto">{state.data.enabled ? <><strong className="font-semibold">On.</strong> {state.data.detail}</> : "Off: runs and builds are executed."}</p>
              {state.data.enabled ? (
                <Button disabled={put.isPending} blocked={lacking ?? (state.data.locked && "ADE_SAFE_MODE of the installation keeps it on.")} onClick={() => put.mutate(false)}>Turn off</Button>
              ) : null}
            </div>
            {state.data.enabled ? null : (
              <form
                className="flex items-end gap-2"
                onSubmit={(event) => {
                  event.preventDefault();
                  put.reset();
                  setAsking(true);
                }}
              >
                <Field label="What people are told" className="flex-1">{(ids) => <Input {...ids} value={detail} onChange={(event) => setDetail(event.target.value)} placeholder="Maintenance until 18:00." />}</Field>
                <Button type="submit" look="danger" blocked={lacking}>Turn on</Button>
              </form>
            )}
            {asking ? null : <Refusal error={put.error} />}
          </div>
        )}
      </Card>
      <Confirm
        open={asking}
        onOpenChange={(open) => {
          if (open) return;
          put.reset();
          setAsking(false);
        }}
        title="Turn on safe mode?"
        description="New runs and builds of every workspace end at once as canceled, until somebody turns it off. What runs already goes on."
        action="Turn on"
        busy={put.isPending}
        onConfirm={() => put.mutate(true)}
      >
        {detail.trim() ? <p>Everybody is told: “{detail.trim()}”</p> : null}
        <Refusal error={put.error} />
      </Confirm>
    </Section>
  );
}
