import { type VariantProps, cva } from "class-variance-authority";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Tip } from "./tip";

const button = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors disabled:opacity-50 aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      look: {
        primary: "bg-accent text-accent-ink hover:bg-accent/90",
        plain: "border border-line bg-surface text-ink hover:bg-sunken",
        ghost: "text-soft hover:bg-ink/6 hover:text-ink",
        danger: "border border-bad/40 bg-surface text-bad hover:bg-bad-wash",
      },
      size: { small: "h-7 px-2 text-xs", normal: "h-8 px-3 text-sm", square: "size-8", tiny: "size-6 [&_svg]:size-3.5" },
    },
    defaultVariants: { look: "plain", size: "normal" },
  },
);

export interface ButtonProps extends ComponentProps<"button">, VariantProps<typeof button> {
  /** Why it can't be pressed now. The button stays reachable, so that everybody can find out. */
  blocked?: string | false | undefined;
}

export function Button({ className, look, size, blocked, onClick, type = "button", ...rest }: ButtonProps) {
  const element = (
    <button
      type={blocked ? "button" : type}
      className={cn(button({ look, size }), className)}
      aria-disabled={blocked ? true : undefined}
      onClick={blocked ? (event) => event.preventDefault() : onClick}
      {...rest}
    />
  );
  return blocked ? <Tip text={blocked}>{element}</Tip> : element;
}

/** A button that is only an icon: its name is spoken, and shown when it is pointed at. */
export function IconButton({ label, keys, children, size = "square", look = "ghost", blocked, ...rest }: ButtonProps & { label: string; keys?: string }) {
  return (
    <Tip text={blocked || label} keys={blocked ? undefined : keys}>
      <Button aria-label={label} size={size} look={look} {...(blocked ? { "aria-disabled": true } : {})} {...rest} onClick={blocked ? undefined : rest.onClick}>
        {children as ReactNode}
      </Button>
    </Tip>
  );
}

export { button as buttonStyle };
