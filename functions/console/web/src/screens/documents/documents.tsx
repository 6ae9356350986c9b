import { Page } from "@/ui/page";

export function DocumentsScreen() {
  return <Page title="Documents">{null}</Page>;
}
