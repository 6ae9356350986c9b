import { open } from "@/api/client";
import type { FollowOptions } from "./follow";

/** Asks for the events at this path, such as `/runs/run_…/events`: what `follow` opens. */
export function eventsAt(path: string): FollowOptions["open"] {
  return (afterId, signal) => open(`${path}?follow=true&after_id=${afterId}`, { signal, headers: { Accept: "application/x-ndjson" } });
}
