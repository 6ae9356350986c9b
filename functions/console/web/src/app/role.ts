/** What somebody may do in this workspace, as far as the console tells it beforehand. It is the API that decides. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { workspacesQuery } from "@/api/queries";
import { useSafeMode } from "./safe-mode";

export type Role = Schemas["Role"];

const ROLES: readonly Role[] = ["viewer", "operator", "editor", "admin", "system_admin"];

/** Why somebody may not do what takes this role; undefined when they may, and until it is known. */
export function useLacking(least: Role): string | undefined {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const { data } = useQuery(workspacesQuery);
  const role = data?.data.find(({ id }) => id === workspace)?.role;
  return role === undefined || ROLES.indexOf(role) >= ROLES.indexOf(least) ? undefined : `This takes the role ${least}; yours here is ${role}.`;
}

/** Why somebody can't have something executed now: their role, or safe mode. */
export function useBlocked(least: Role): string | undefined {
  const lacking = useLacking(least);
  const safeMode = useSafeMode();
  return lacking ?? (safeMode && `Safe mode: ${safeMode}`);
}
