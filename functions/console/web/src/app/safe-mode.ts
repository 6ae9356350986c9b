import { useQuery } from "@tanstack/react-query";
import { healthQuery } from "@/api/queries";

/** What people are told while nothing is executed; undefined when safe mode is off. */
export function useSafeMode(): string | undefined {
  const { data } = useQuery(healthQuery);
  const component = data?.components.find(({ name }) => name === "safe-mode");
  return component && component.status !== "available" ? (component.detail ?? "New runs and builds are recorded but not executed.") : undefined;
}
