import { expect, test } from "vitest";
import { Clock } from "./clock";

test("clocks that may agree are taken to", () => {
  const clock = new Clock();
  expect(clock.ahead).toBe(0);
  clock.learn(5_000, 5_400, 5_450);
  expect(clock.ahead).toBe(0);
});

test("answers tell together how far the clocks are apart", () => {
  const clock = new Clock();
  // The server is 60.3 s ahead, and says 65 from 4.7 s of this device on.
  clock.learn(65_000, 5_600, 5_650);
  expect(clock.ahead).toBe(59_350);
  clock.learn(66_000, 5_700, 5_720);
  expect(clock.ahead).toBe(60_280);
  clock.learn(66_000, 6_690, 6_700);
  expect(clock.ahead).toBe(60_280);
});

test("a device whose clock is ahead goes back", () => {
  const clock = new Clock();
  clock.learn(10_000, 40_000, 40_020);
  expect(clock.ahead).toBe(-29_000);
});

test("a clock that is set is learnt anew", () => {
  const clock = new Clock();
  clock.learn(65_000, 5_000, 5_010);
  clock.learn(66_000, 66_100, 66_110);
  expect(clock.ahead).toBe(0);
});
