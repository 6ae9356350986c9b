/** When a test fails, its report says what the windows showed: the machine that it failed on may be far away. */
import { afterEach } from "vitest";
import { Window } from "./stack";

afterEach(async ({ task }) => {
  if (task.result?.state === "fail") console.error(`${task.name}:\n${await Window.describeAll()}`);
});
