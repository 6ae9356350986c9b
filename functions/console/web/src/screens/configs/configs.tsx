import { Page } from "@/ui/page";

export function ConfigsScreen() {
  return <Page title="Configs">{null}</Page>;
}
